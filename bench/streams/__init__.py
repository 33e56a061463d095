"""Cameras through the stream service, beside a plain OpenCV loop and Roboflow's InferencePipeline."""
