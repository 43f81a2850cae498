import torch
from torch import nn
from torch.nn import functional as F


class LectureCnn(nn.Module):
    """lecture_cnn: 28x28x1 to 10, 122,286 parameters.

    Reads batches (N, C, H, W) = (N, 1, 28, 28), gives probabilities (N, F) = (N, 10). Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, padding=2)
        self.conv2 = nn.Conv2d(4, 8, 5, stride=2)
        self.batchnorm1 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 12, 4, stride=2, padding=1)
        self.dense1 = nn.Linear(588, 200)
        self.dropout1 = nn.Dropout(0.25)
        self.dense2 = nn.Linear(200, 10)

    def logits(self, x):
        x = F.relu(self.conv1(x), inplace=True)  # 28x28x4
        x = F.relu(self.batchnorm1(self.conv2(F.pad(x, (1, 2, 1, 2)))), inplace=True)  # 14x14x8
        x = F.relu(self.conv3(x), inplace=True)  # 7x7x12
        x = x.flatten(1)  # 588
        x = F.relu(self.dense1(x), inplace=True)  # 200
        x = self.dropout1(x)  # 200
        return self.dense2(x)  # 10

    def forward(self, x):
        return torch.softmax(self.logits(x), dim=-1)


if __name__ == "__main__":
    model = LectureCnn().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
