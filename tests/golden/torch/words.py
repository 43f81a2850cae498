import torch
from torch import nn


class Words(nn.Module):
    """words: T of 80 to 1, 1,800 parameters.

    Reads integers (N, T), gives probabilities (N, F) = (N, 1). Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.embed1 = nn.Embedding(80, 8)
        self.lstm1 = nn.LSTM(8, 6, batch_first=True, bidirectional=True)
        self.gru1 = nn.GRU(12, 5, batch_first=True)
        self.batchnorm1 = nn.BatchNorm1d(5)
        self.rnn1 = nn.RNN(5, 4, batch_first=True, bidirectional=True)
        self.dense1 = nn.Linear(8, 1)

    def logits(self, x):
        x = self.embed1(x)  # Tx8
        x, _ = self.lstm1(x)  # Tx12
        x, _ = self.gru1(x.flip(1))
        x = x.flip(1)  # Tx5
        x = self.batchnorm1(x.transpose(1, 2)).transpose(1, 2)  # Tx5
        x = x + 0.1 * torch.randn_like(x) if self.training else x  # Tx5
        _, h = self.rnn1(x.flip(1))
        x = torch.cat((h[0], h[1]), dim=1)  # 8
        return self.dense1(x)  # 1

    def forward(self, x):
        return torch.sigmoid(self.logits(x))


if __name__ == "__main__":
    model = Words().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.randint(80, (2, 12))
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
