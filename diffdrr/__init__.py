"Differentiable X-ray rendering and 2D/3D registration."
__version__ = "0.7.0"
