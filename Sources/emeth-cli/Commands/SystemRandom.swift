import EmethKit

/// Random bytes of the operating system.
enum SystemRandom {
  static func bytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// A new private key.
  static func privateKey() -> PrivateKey {
    while true {
      var secret = bytes(32)
      defer { secret.cleanse() }
      // All but one in 2^128 of all 32 bytes are a key.
      if let key = try? PrivateKey(bytes: secret) { return key }
    }
  }
}
