// libsecp256k1: ECDSA over secp256k1 with public-key recovery.
#ifndef EMETH_CSECP256K1_SHIM_H
#define EMETH_CSECP256K1_SHIM_H
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#endif
