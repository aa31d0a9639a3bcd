/// The parts of a version-3 key file, read and checked before anything costly is done with them.
struct KeystoreFile {
  let ciphertext: [UInt8]
  let iv: [UInt8]
  let mac: Bytes32
  let derivation: KeyDerivation
  let address: Address?

  init(json text: String) throws(CryptoError) {
    let file: JSONValue
    do throws(FormatError) {
      file = try JSONValue(parsing: text, byteLimit: 1 << 16, depthLimit: 8)
    } catch {
      throw .keystoreFormat(at: "file", problem: error.message)
    }
    let version = try Self.number(file, "version")
    guard version == 3 else {
      throw .keystoreFormat(at: "version", problem: "found \(version), allowed is 3")
    }
    // Old versions of geth wrote the name with a capital letter.
    guard let crypto = file["crypto"] ?? file["Crypto"] else {
      throw .keystoreFormat(at: "crypto", problem: "is missing")
    }
    let cipher = try Self.text(crypto, "cipher")
    guard cipher == "aes-128-ctr" else {
      throw .keystoreFormat(at: "cipher", problem: "found \(quoted(cipher)), allowed is aes-128-ctr")
    }
    ciphertext = try Self.bytes(crypto, "ciphertext")
    guard ciphertext.count == 32 else {
      throw .keystoreFormat(at: "ciphertext", problem: "has \(ciphertext.count) bytes instead of 32")
    }
    iv = try Self.bytes(try Self.member(crypto, "cipherparams"), "iv")
    guard iv.count == 16 else {
      throw .keystoreFormat(at: "iv", problem: "has \(iv.count) bytes instead of 16")
    }
    guard let mac = Bytes32(try Self.bytes(crypto, "mac")) else {
      throw .keystoreFormat(at: "mac", problem: "is not 32 bytes")
    }
    self.mac = mac
    derivation = try Self.derivation(crypto)
    address = try Self.address(file)
  }

  private static func derivation(_ crypto: JSONValue) throws(CryptoError) -> KeyDerivation {
    let name = try text(crypto, "kdf")
    let parameters = try member(crypto, "kdfparams")
    let keyByteCount = try number(parameters, "dklen")
    guard keyByteCount == 32 else {
      throw .keystoreFormat(at: "dklen", problem: "found \(keyByteCount), allowed is 32")
    }
    let salt = try bytes(parameters, "salt")
    switch name {
    case "scrypt":
      return .scrypt(
        n: try number(parameters, "n"), r: try number(parameters, "r"), p: try number(parameters, "p"),
        salt: salt)
    case "pbkdf2":
      let function = try text(parameters, "prf")
      guard function == "hmac-sha256" else {
        throw .keystoreFormat(at: "prf", problem: "found \(quoted(function)), allowed is hmac-sha256")
      }
      return .pbkdf2(iterations: try number(parameters, "c"), salt: salt)
    default:
      throw .keystoreFormat(at: "kdf", problem: "found \(quoted(name)), allowed are scrypt and pbkdf2")
    }
  }

  private static func address(_ file: JSONValue) throws(CryptoError) -> Address? {
    switch file["address"] {
    case nil, .null?, .string("")?: return nil
    case .string(let text)?: return try Address(text.hasPrefix("0x") ? text : "0x\(text)")
    case .some(let value):
      throw .keystoreFormat(at: "address", problem: "found \(value.kind), needed is a string")
    }
  }

  private static func member(_ json: JSONValue, _ key: String) throws(CryptoError) -> JSONValue {
    guard let value = json[key] else { throw .keystoreFormat(at: key, problem: "is missing") }
    return value
  }

  private static func text(_ json: JSONValue, _ key: String) throws(CryptoError) -> String {
    let value = try member(json, key)
    guard case .string(let text) = value else {
      throw .keystoreFormat(at: key, problem: "found \(value.kind), needed is a string")
    }
    return text
  }

  private static func bytes(_ json: JSONValue, _ key: String) throws(CryptoError) -> [UInt8] {
    let text = try text(json, key)
    do throws(FormatError) {
      return try Hex.decode(text)
    } catch {
      throw .keystoreFormat(at: key, problem: error.message)
    }
  }

  private static func number(_ json: JSONValue, _ key: String) throws(CryptoError) -> UInt64 {
    let value = try member(json, key)
    guard case .number(let text) = value, let number = UInt64(decimal: text) else {
      throw .keystoreFormat(at: key, problem: "found \(value.kind), needed is an integer from 0 to 2^64 - 1")
    }
    return number
  }
}
