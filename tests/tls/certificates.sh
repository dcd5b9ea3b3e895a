#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the certificates of the tests in an empty directory: a root, an authority that the root has signed, and what the
# authority has signed.
#     tests/tls/certificates.sh DIRECTORY
set -eu
cd "$1"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

# leaf NAME SUBJECT_ALTERNATIVE_NAMES [START END]
leaf() {
    key "$1"
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    printf 'basicConstraints = CA:FALSE\nsubjectAltName = %s\n' "$2" > "$1.ext"
    openssl ca -batch -config authority.cnf -in "$1.csr" -extfile "$1.ext" -out "$1.leaf" -notext \
        -startdate "${3:-20200101000000Z}" -enddate "${4:-20490101000000Z}"
    cat "$1.leaf" authority.pem > "$1.pem"
}

cat > authority.cnf << 'END'
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
certificate = authority.pem
private_key = authority.key
rand_serial = yes
default_md = sha256
default_crl_days = 3650
policy = any
unique_subject = no
[any]
commonName = supplied
END
: > index.txt

{
    key root
    openssl req -x509 -new -key root.key -subj '/CN=weir test root' -days 3650 -out root.pem \
        -addext 'keyUsage = critical, keyCertSign, cRLSign'
    key authority
    openssl req -new -key authority.key -subj '/CN=weir test authority' -out authority.csr
    printf 'basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n' > authority.ext
    openssl x509 -req -in authority.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 \
        -extfile authority.ext -out authority.pem

    leaf server 'DNS:localhost, DNS:server.test, IP:127.0.0.1'
    leaf other 'DNS:other.test'
    leaf client 'DNS:client.test'
    leaf revoked 'DNS:localhost, DNS:server.test'
    leaf expired 'DNS:localhost, DNS:server.test' 20200101000000Z 20200201000000Z
    openssl ca -config authority.cnf -revoke revoked.leaf
    openssl ca -config authority.cnf -gencrl -out revoked.crl

    key self_signed
    openssl req -x509 -new -key self_signed.key -subj '/CN=localhost' -days 3650 -out self_signed.pem \
        -addext 'subjectAltName = DNS:localhost, DNS:server.test'
    openssl genpkey -algorithm ED25519 -out ed25519.key
    openssl pkey -in server.key -aes256 -passout pass:secret -out encrypted.key
} > log 2>&1 || {
    cat log >&2
    exit 1
}
