"""Verifies a webhook with the library for Python: secret, headers and body are a JSON object on stdin."""

import json
import sys

from standardwebhooks.webhooks import Webhook

request = json.load(sys.stdin)
Webhook(request["secret"]).verify(request["body"].encode(), request["headers"])
