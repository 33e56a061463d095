"""Sessions over WebRTC: frames from a browser or an SDK in, answers and pictures back. Needs the extra ``webrtc``."""
