#!/usr/bin/env python
"""OpenVINO XAI's way to explain a ViT, on an ONNX file, taking turns with others (turns.py). It needs an environment of its own, as it
wants an older numpy than the rest."""

import argparse

import numpy as np
import openvino
import openvino_xai
from openvino_xai.explainer.explainer import ExplainMode

import turns


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="ONNX file, its batch dynamic")
    parser.add_argument("--image", required=True, help="NumPy file, [1, 3, H, W]")
    parser.add_argument("--target", type=int, required=True)
    parser.add_argument("--map", required=True, help="where its map goes, [rows, columns]")
    options = parser.parse_args()
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": turns.THREADS})
    model = core.read_model(options.model)
    image = np.load(options.image)
    plain = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    explainer = openvino_xai.Explainer(
        model=model, task=openvino_xai.Task.CLASSIFICATION, preprocess_fn=lambda pictures: pictures,
        explain_mode=ExplainMode.WHITEBOX, explain_method=openvino_xai.Method.VITRECIPROCAM)

    def explain():
        found = explainer(image, targets=[options.target], original_input_image=None, resize=False, colormap=False)
        return found.saliency_map[options.target].astype(np.float32)

    turns.serve(lambda: plain(image), explain, options.map)


if __name__ == "__main__":
    main()
