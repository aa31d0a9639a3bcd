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
      file = try JSONValue(parsing: text, byteLimit: Keystore.byteLimit, depthLimit: 32)
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
    guard (1...PrivateKey.byteCount).contains(ciphertext.count) else {
      throw .keystoreFormat(at: "ciphertext", problem: "has \(ciphertext.count) bytes, allowed are 1 to 32")
    }
    // A wallet that takes the counter for a number leaves its leading zero bytes out.
    let counter = try Self.bytes(try Self.member(crypto, "cipherparams"), "iv")
    guard (1...16).contains(counter.count) else {
      throw .keystoreFormat(at: "iv", problem: "has \(counter.count) bytes, allowed are 1 to 16")
    }
    iv = [UInt8](repeating: 0, count: 16 - counter.count) + counter
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
    // Both functions give the same first 32 bytes whatever number is asked for, and no more are used.
    let keyByteCount = try number(parameters, "dklen")
    guard keyByteCount >= DerivedKey.byteCount else {
      throw .keystoreFormat(at: "dklen", problem: "found \(keyByteCount), allowed is 32 or more")
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

  /// The address that the file names. Its letters' case says nothing: wallets of other chains wrote
  /// checksums of their own.
  private static func address(_ file: JSONValue) throws(CryptoError) -> Address? {
    switch file["address"] {
    case nil, .null?, .string("")?: return nil
    case .string(let text)?:
      guard let bytes = try? Hex.decode(text), let address = Address(bytes: bytes) else {
        throw .keystoreFormat(at: "address", problem: "\(quoted(text)) is not 40 hexadecimal digits")
      }
      return address
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

  /// An integer; as everywhere in this library a decimal string is one too.
  private static func number(_ json: JSONValue, _ key: String) throws(CryptoError) -> UInt64 {
    let value = try member(json, key)
    switch value {
    case .number(let text), .string(let text):
      guard let number = UInt64(decimal: text) else {
        throw .keystoreFormat(
          at: key, problem: "found \(quoted(text)), needed is an integer from 0 to 2^64 - 1")
      }
      return number
    case .object, .array, .bool, .null:
      throw .keystoreFormat(at: key, problem: "found \(value.kind), needed is an integer from 0 to 2^64 - 1")
    }
  }
}
