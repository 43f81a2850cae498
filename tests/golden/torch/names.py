import torch
from torch import nn
from torch.nn import functional as F


class Names(nn.Module):
    """names: 6x4 to 2, 163 parameters.

    Reads batches (N, T, F) = (N, 6, 4), gives probabilities (N, F) = (N, 2). Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    There, the weights of `forward_` are called `forward`.
    There, the weights of `train_` are called `train`.
    There, the weights of `logits_` are called `logits`.
    There, the weights of `lambda_` are called `lambda`.
    """

    def __init__(self):
        super().__init__()
        self.forward_ = nn.Linear(4, 5)
        self.train_ = nn.BatchNorm1d(5)
        self.logits_ = nn.LSTM(5, 3, batch_first=True)
        self.lambda_ = nn.Linear(3, 2)

    def logits(self, x):
        x = F.leaky_relu(self.forward_(x))  # 6x5
        x = self.train_(x.transpose(1, 2)).transpose(1, 2)  # 6x5
        _, (h, _) = self.logits_(x)
        x = h[0]  # 3
        return self.lambda_(x)  # 2

    def forward(self, x):
        return torch.softmax(self.logits(x), dim=-1)


if __name__ == "__main__":
    model = Names().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # weights = load_file("best.safetensors")
    # names = {"forward": "forward_", "train": "train_", "logits": "logits_", "lambda": "lambda_"}
    # split = ((name.partition("."), value) for name, value in weights.items())
    # weights = {f"{names.get(layer, layer)}.{name}": value for (layer, _, name), value in split}
    # model.load_state_dict(weights)
    batch = torch.rand(2, 6, 4)
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
