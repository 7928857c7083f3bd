"""A member of unix_chat by Python's own calls: hands two files over, and takes one. Then another that misbehaves."""

import os
import socket
import sys
import tempfile


def join(name):
    member = socket.socket(socket.AF_UNIX)
    member.settimeout(20)
    member.connect(sys.argv[1])
    question = member.recv(1000)
    assert question == b"? your name\n", question
    member.sendall(name + b"\n")
    return member


with tempfile.TemporaryFile() as file:
    file.write(b"from python\n")
    file.flush()
    pia = join(b"pia")
    # What stands before the line that the file belongs to, and part of it, in one message with it.
    socket.send_fds(pia, [b"first in one piece\n/send pas"], [file.fileno()])
    pia.sendall(b"sed.txt\n")
    socket.send_fds(pia, [b"/send again.txt\n"], [file.fileno()])

received, descriptors = b"", []
while b" sends notes\n" not in received:
    data, new, flags, _ = socket.recv_fds(pia, 1000, 10)
    assert data and not flags & socket.MSG_CTRUNC
    received += data
    descriptors += new
assert b"passed.txt" not in received, "what it sends does not come back"
assert len(descriptors) == 1, descriptors
with open(descriptors[0], "rb") as got:
    print("got notes:", got.read().decode().strip(), flush=True)
pia.close()

eve = join(b"eve")
assert eve.recv(1000) == b"* eve has come\n"
try:
    for _ in range(100):
        socket.send_fds(eve, [b"x"], [0] * 100)
    while eve.recv(1000):
        pass
except OSError as error:
    assert not isinstance(error, TimeoutError), "it is not thrown out"
