"""moto's S3 server on a free port of 127.0.0.1, with the bucket "emeth".

Prints one line, PORT ACCESS_KEY SECRET_KEY, and ends with its standard input. With the argument "strict" it checks
signatures and keys, which it does for signed headers only.
"""
import logging
import os
import sys

strict = "strict" in sys.argv
# Making the bucket, and an account with a key that may do everything, comes before anybody is asked for a key.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4" if strict else "inf"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
access, secret = "testing", "testing-secret"
place = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
keys = {"aws_access_key_id": access, "aws_secret_access_key": secret}
boto3.client("s3", **place, **keys).create_bucket(Bucket="emeth")
if strict:
    iam = boto3.client("iam", **place, **keys)
    iam.create_user(UserName="server")
    document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="server", PolicyName="all", PolicyDocument=document)
    made = iam.create_access_key(UserName="server")["AccessKey"]
    access, secret = made["AccessKeyId"], made["SecretAccessKey"]
print(port, access, secret, flush=True)
sys.stdin.read()
