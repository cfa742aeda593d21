"Patient-specific pose estimation from one X-ray: learned, refined and evaluated."
__version__ = "0.7.0"
