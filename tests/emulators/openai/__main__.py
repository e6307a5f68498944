"""The emulator by itself: `python -m tests.emulators.openai PORT`."""

import sys

import uvicorn

from tests.emulators.openai.server import OpenAIServer, build_app

if __name__ == "__main__":
    uvicorn.run(build_app(OpenAIServer([])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
