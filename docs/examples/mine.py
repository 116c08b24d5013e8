import torch
from torch.nn.functional import interpolate


class Mine(torch.nn.Module):
    """Doubles the grid; what a convolution sees in the image weighs the features."""

    def __init__(self):
        super().__init__()
        self.gate = torch.nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, features, image):
        fine = interpolate(features, scale_factor=2.0, mode="bilinear")
        guide = interpolate(image, size=fine.shape[-2:], mode="bilinear")
        return fine * (1 + torch.tanh(self.gate(guide)))


axes = {"features": {0: "b", 1: "c", 2: "h", 3: "w"}, "image": {0: "b", 2: "H", 3: "W"}}
torch.onnx.export(Mine(), (torch.rand(1, 16, 4, 4), torch.rand(1, 3, 32, 32)), "mine.onnx",
                  input_names=["features", "image"], output_names=["upsampled"], dynamic_axes=axes)
