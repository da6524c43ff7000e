"""Makes an authority, and a certificate of it for a server.

    certificates.py FOLDER NAME

Leaves authority.pem, certificate.pem and key.pem in the folder.
"""

import pathlib
import sys

import trustme


def make(folder, name):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    made = authority.issue_cert(name)
    (folder / "certificate.pem").write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    made.private_key_pem.write_to_path(folder / "key.pem")


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]), sys.argv[2])
