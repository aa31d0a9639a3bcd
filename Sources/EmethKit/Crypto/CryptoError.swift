/// Why a key, an address, a signature, typed data or a keystore is refused.
public enum CryptoError: EmethError, Equatable {
  /// A private key that is not 32 bytes, is zero, or is not below the order of secp256k1.
  case privateKeyInvalid
  /// Text that is no address.
  case addressMalformed(found: String)
  /// An address in mixed case whose checksum is wrong (EIP-55).
  case addressChecksum(found: String, expected: String)
  /// A public key that is no point of secp256k1.
  case publicKeyInvalid(byteCount: Int)
  /// A signature of another length than 65 bytes.
  case signatureLength(found: Int)
  /// A signature whose r or s is zero, or not below the order of secp256k1.
  case signatureRange(part: String)
  /// A signature whose s lies in the upper half: the second form of the same signature.
  case signatureHighS
  /// A recovery byte other than 27 and 28.
  case signatureRecoveryByte(found: UInt8)
  /// A signature that belongs to no key for this digest.
  case signatureUnrecoverable
  /// A rule of whom to trust that makes no sense.
  case signersMalformed(problem: String)
  /// EIP-712 JSON that breaks the rules: where, and what is wrong.
  case typedData(at: String, problem: String)
  /// A keystore that breaks the format: which member, and what is wrong.
  case keystoreFormat(at: String, problem: String)
  /// A keystore that asks for more memory or work than is allowed.
  case keystoreCost(parameter: String, found: UInt64, allowed: UInt64)
  /// The password does not open the keystore, or the keystore was altered.
  case keystorePassword
  /// The keystore opens, but holds the key of another address than it names.
  case keystoreAddress(found: String, expected: String)
  /// A request's signature header that is not in its one form.
  case requestMalformed(problem: String)
  /// A request signed too long ago, or in the future; unix seconds.
  case requestTime(found: UInt64, now: UInt64, allowed: UInt64)
  /// A request that another account signed, or that is not the one that was signed.
  case requestSigner(found: Address, expected: Address)
  /// OpenSSL could not carry out a function, most often for lack of memory.
  case libraryFailure(function: String)

  /// A stable identifier such as `signature.highS`.
  public var code: String {
    switch self {
    case .privateKeyInvalid: "privateKey.invalid"
    case .addressMalformed: "address.malformed"
    case .addressChecksum: "address.checksum"
    case .publicKeyInvalid: "publicKey.invalid"
    case .signatureLength: "signature.length"
    case .signatureRange: "signature.range"
    case .signatureHighS: "signature.highS"
    case .signatureRecoveryByte: "signature.recoveryByte"
    case .signatureUnrecoverable: "signature.unrecoverable"
    case .signersMalformed: "signers.malformed"
    case .typedData: "typedData.invalid"
    case .keystoreFormat: "keystore.format"
    case .keystoreCost: "keystore.cost"
    case .keystorePassword: "keystore.password"
    case .keystoreAddress: "keystore.address"
    case .requestMalformed: "request.malformed"
    case .requestTime: "request.expired"
    case .requestSigner: "request.signerMismatch"
    case .libraryFailure: "crypto.libraryFailure"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed. Never a secret.
  public var message: String {
    switch self {
    case .privateKeyInvalid:
      "private key is not 32 bytes of a number from 1 to the order of secp256k1 minus 1"
    case .addressMalformed(let found):
      "\(quoted(found)) is no address, which is 0x and 40 hexadecimal digits"
    case .addressChecksum(let found, let expected):
      "address \(quoted(found)) has a wrong checksum, expected \(expected)"
    case .publicKeyInvalid(let byteCount):
      "public key of \(byteCount) bytes is no point of secp256k1"
    case .signatureLength(let found):
      "signature has \(found) bytes, allowed are 65"
    case .signatureRange(let part):
      "signature part \(part) is zero or not below the order of secp256k1"
    case .signatureHighS:
      "signature has its s in the upper half of the order, allowed is the lower half"
    case .signatureRecoveryByte(let found):
      "signature has the recovery byte \(found), allowed are 27 and 28"
    case .signatureUnrecoverable:
      "signature belongs to no key for this digest"
    case .signersMalformed(let problem):
      "trusted signers: \(problem)"
    case .typedData(let at, let problem):
      "typed data at \(quoted(at)): \(problem)"
    case .keystoreFormat(let at, let problem):
      "keystore at \(quoted(at)): \(problem)"
    case .keystoreCost(let parameter, let found, let allowed):
      "keystore asks for \(parameter) of \(found), allowed are \(allowed)"
    case .keystorePassword:
      "password does not open the keystore, or the keystore was altered"
    case .keystoreAddress(let found, let expected):
      "keystore names the address \(quoted(found)), but holds the key of \(expected)"
    case .requestMalformed(let problem):
      "header Emeth-Signature: \(problem)"
    case .requestTime(let found, let now, let allowed):
      "request was signed at \(found), the server's clock says \(now), allowed are \(allowed) s between them"
    case .requestSigner(let found, let expected):
      "request is signed by \(found), it names \(expected)"
    case .libraryFailure(let function):
      "OpenSSL could not carry out \(function)"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .addressChecksum: "compare it with its source; all lower case is read without a check"
    case .signatureRecoveryByte(let found) where found < 2: "add 27 to the last byte"
    case .signatureHighS: "sign again with a library that normalises s (EIP-2)"
    case .requestMalformed: "write it as account=0x…, time=…, nonce=0x…, signature=0x…"
    case .requestTime: "set this machine's clock"
    case .requestSigner:
      "sign the server's host:port, the method, the path with its query, and the body as sent"
    case .privateKeyInvalid, .addressMalformed, .publicKeyInvalid, .signatureLength, .signatureRange,
      .signatureRecoveryByte, .signatureUnrecoverable, .signersMalformed, .typedData, .keystoreFormat,
      .keystoreCost,
      .keystorePassword, .keystoreAddress, .libraryFailure:
      nil
    }
  }
}
