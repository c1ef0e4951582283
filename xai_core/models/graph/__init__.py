"""Networks as data: a list of operations of the ONNX standard, evaluated by torch."""
