@testable import EmethKit
import Testing

@Suite struct ScryptTests {
  private func derive(_ password: String, _ salt: String, n: Int, r: Int, p: Int) throws -> String {
    var output = [UInt8](repeating: 0, count: 64)
    try Scrypt.derive(
      password: Array(password.utf8), salt: Array(salt.utf8), n: n, r: r, p: p, to: &output,
      count: output.count)
    return Hex.encode(output, prefixed: false)
  }

  /// RFC 7914, section 12, the first two cases.
  @Test func valuesOfTheRFC() throws {
    #expect(
      try derive("", "", n: 16, r: 1, p: 1)
        == "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
        + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906")
    #expect(
      try derive("password", "NaCl", n: 1024, r: 8, p: 16)
        == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
        + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640")
  }

  /// OpenSSL computes the same where it accepts the parameters.
  @Test(arguments: [(2, 1, 1), (4, 2, 3), (64, 3, 2), (256, 8, 1)]) func agreesWithOpenSSL(
    n: Int, r: Int, p: Int
  ) throws {
    let derivation = KeyDerivation.scrypt(n: UInt64(n), r: UInt64(r), p: UInt64(p), salt: [1, 2, 3])
    let expected = try derivation.derive(password: [4, 5])
    var output = [UInt8](repeating: 0, count: 32)
    try Scrypt.derive(password: [4, 5], salt: [1, 2, 3], n: n, r: r, p: p, to: &output, count: 32)
    #expect(output == Array(UnsafeBufferPointer(start: expected.bytes, count: 32)))
  }
}
