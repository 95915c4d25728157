"""The OpenAI-compatible server: answers requests with a plan through the driver that the study used.

It measures nothing and reads no bank. `app.py` is the HTTP, `completion.py` one request, `standing.py` what
the certificate says of it, `watching.py` whether it still holds, `faults.py` the errors, `serving.py` the
process.
"""

from underdog.gateway.app import create_app
from underdog.gateway.serving import serve
from underdog.gateway.watching import Shadow

__all__ = ["Shadow", "create_app", "serve"]
