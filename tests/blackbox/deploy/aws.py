"""The aws CLI, its modules and models read once and not at each of the hundred calls of a test: a parent that forks for
each call (`aws.py serve SOCKET PROGRAM`; it writes PROGRAM, which is what is called), and the call itself (`aws.py SOCKET
ARGS...`), whose folder, environment, arguments and streams the child takes over. What runs is the CLI's own code."""

import functools
import os
import socket
import sys

FIELD, ITEM = "\x1e", "\x1f"
MAX_CALL_BYTES = 1 << 20


def serve(path, program):
    import signal

    import awscli.clidriver
    import botocore.loaders
    import botocore.session

    # Where it says at its import that its own data are.
    data = os.environ["AWS_DATA_PATH"]
    # Each child has the models to itself, whatever it does to them.
    loader = botocore.loaders.JSONFileLoader
    read = functools.cache(loader().load_file)
    loader.load_file = lambda _, path: read(path)
    session = botocore.session.get_session()
    for service in ("ec2", "iam", "s3", "ssm", "sts"):
        session.create_client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    driver = awscli.clidriver.create_clidriver()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(16)
    with open(program, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexec '{sys.executable}' -S -E '{os.path.abspath(__file__)}' '{path}' \"$@\"\n")
    os.chmod(program, 0o755)
    os.rename(path + ".new", path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        call, _ = listener.accept()
        if os.fork():
            call.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        said, streams, _, _ = socket.recv_fds(call, MAX_CALL_BYTES, 3)
        for stream, descriptor in enumerate(streams):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        folder, environment, arguments = said.decode().split(FIELD)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(pair.split("=", 1) for pair in environment.split(ITEM))
        os.environ["AWS_DATA_PATH"] = data
        try:
            code = driver.main(arguments.split(ITEM))
        except SystemExit as ended:
            code = ended.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        call.send(bytes([code & 255]))
        os._exit(0)


def ask(path, arguments):
    call = socket.socket(socket.AF_UNIX)
    call.connect(path)
    environment = ITEM.join(f"{name}={value}" for name, value in os.environ.items())
    said = FIELD.join([os.getcwd(), environment, ITEM.join(arguments)])
    socket.send_fds(call, [said.encode()], [0, 1, 2])
    sys.exit((call.recv(1) or b"\xff")[0])


if sys.argv[1] == "serve":
    serve(sys.argv[2], sys.argv[3])
else:
    ask(sys.argv[1], sys.argv[2:])
