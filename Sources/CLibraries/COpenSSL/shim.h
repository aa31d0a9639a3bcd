// OpenSSL 3: digests, MACs, key derivation, ciphers and X25519.
#ifndef EMETH_COPENSSL_SHIM_H
#define EMETH_COPENSSL_SHIM_H
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#endif
