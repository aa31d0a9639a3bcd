"""botocore's signatures: for each JSON line {method, host, path, query, headers, urlHeaders, payload, seconds, access, secret,
region} and perhaps token, a line with the Authorization header and a line with the presigned path for 900 seconds."""
import datetime
import json
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    case = json.loads(line)
    now = datetime.datetime.fromtimestamp(case["seconds"], datetime.timezone.utc)
    botocore.auth.get_current_datetime = lambda *args, now=now, **named: now
    keys = Credentials(case["access"], case["secret"], case.get("token"))
    for presigned in (False, True):
        url = f"https://{case['host']}{case['path']}"
        request = AWSRequest(
            method=case["method"],
            url=url + (f"?{case['query']}" if case["query"] and not presigned else ""),
            headers=dict(case["urlHeaders"] if presigned else case["headers"]),
        )
        if presigned:
            request.url = url + (f"?{case['query']}" if case["query"] else "")
            botocore.auth.S3SigV4QueryAuth(keys, "s3", case["region"], expires=900).add_auth(request)
            print(request.url.split(case["host"], 1)[1])
        else:
            signer = botocore.auth.S3SigV4Auth(keys, "s3", case["region"])
            signer.payload = lambda request, case=case: case["payload"]
            signer.add_auth(request)
            print(request.headers["Authorization"])
