import EmethKit
import Testing

@Suite struct EmethErrorTests {
  /// One of every case: codes are distinct, and every message is one line that starts in lower case or with
  /// a value.
  private let errors: [any EmethError] = [
    NumberError.overflow(operation: "1 + 1"), NumberError.underflow(operation: "1 - 2"),
    NumberError.divisionByZero(operation: "1 / 0"), NumberError.malformed(found: "x", allowed: "a number"),
    NumberError.tooPrecise(found: "0.1", allowedDecimals: 0),
    FormatError.hexOddLength(found: 1), FormatError.hexCharacter(found: "g", at: 0),
    FormatError.byteCount(found: 1, allowed: 2), FormatError.jsonSyntax(found: "x", at: 0),
    FormatError.jsonDepth(allowed: 1), FormatError.jsonSize(found: 2, allowed: 1),
    FormatError.jsonDuplicateKey(key: "a", at: 1), FormatError.jsonNumber(found: "1.5"),
    FormatError.jsonKind(found: "null", allowed: "string"), FormatError.jsonMissing(key: "a"),
    FormatError.decimal(found: "x"), FormatError.hexQuantity(found: "x", bitWidth: 64),
    FormatError.rlp(.size(found: 2, allowed: 1), at: 0), FormatError.rlp(.depth(allowed: 1), at: 0),
    FormatError.rlp(.truncated(needed: 2, found: 1), at: 0), FormatError.rlp(.singleByte(found: 1), at: 0),
    FormatError.rlp(.lengthLeadingZero, at: 0), FormatError.rlp(.lengthForm(found: 1), at: 0),
    FormatError.rlp(.trailing(byteCount: 1), at: 0),
    FormatError.rlp(.kind(found: "a list", allowed: "a byte string"), at: 0),
    FormatError.rlp(.integerLeadingZero, at: 0), FormatError.rlp(.integerWidth(found: 9, allowed: 8), at: 0),
    FormatError.rlp(.byteCount(found: 1, allowed: 2), at: 0),
    TransactionError.type(found: 3), TransactionError.fieldCount(found: 1, allowed: [6, 9]),
    TransactionError.nonce, TransactionError.priorityFee(found: 2, maximum: 1),
    TransactionError.recovery(field: "v", found: 1), TransactionError.member("to", problem: "is missing"),
    TransactionError.mismatch(member: "hash", found: "x", expected: "y"),
    CryptoError.privateKeyInvalid, CryptoError.addressMalformed(found: "x"),
    CryptoError.addressChecksum(found: "x", expected: "y"), CryptoError.publicKeyInvalid(byteCount: 1),
    CryptoError.signatureLength(found: 64), CryptoError.signatureRange(part: "r"), CryptoError.signatureHighS,
    CryptoError.signatureRecoveryByte(found: 0), CryptoError.signatureUnrecoverable,
    CryptoError.typedData(at: "message", problem: "is missing"),
    CryptoError.keystoreFormat(at: "kdf", problem: "is missing"),
    CryptoError.keystoreCost(parameter: "n", found: 2, allowed: 1), CryptoError.keystorePassword,
    CryptoError.keystoreAddress(found: "x", expected: "y"), CryptoError.libraryFailure(function: "x"),
  ]

  @Test func everyErrorHasItsOwnCodeAndOneLine() {
    #expect(Set(errors.map(\.code)).count == errors.count)
    for error in errors {
      #expect(error.code.split(separator: ".").count == 2, "\(error.code)")
      #expect(!error.message.isEmpty && !error.message.contains("\n") && !error.message.hasSuffix("."))
      #expect(error.hint.map { !$0.isEmpty && !$0.contains("\n") } ?? true)
    }
  }

  /// An error that stands for another one speaks in its name.
  @Test func causesAreNamed() {
    let format = TransactionError.format(field: "nonce", .rlp(.integerLeadingZero, at: 4))
    #expect(format.code == "format.rlpIntegerLeadingZero")
    #expect(format.message == "nonce: RLP at byte 4 is a number with a leading zero")
    #expect(TransactionError.signature(.signatureHighS).code == "signature.highS")
    #expect(TransactionError.signature(.signatureHighS).hint == CryptoError.signatureHighS.hint)
  }

  @Test func hostileTextIsCutAndDefused() {
    let error = FormatError.decimal(found: "\u{1b}[2J\n" + String(repeating: "9", count: 10_000))
    #expect(error.message.count < 120)
    #expect(!error.message.unicodeScalars.contains { $0.value < 0x20 })
  }
}
