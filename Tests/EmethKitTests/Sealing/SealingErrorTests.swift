import EmethKit
import Testing

@Suite struct SealingErrorTests {
  private let all: [SealingError] = [
    .recipientMalformed(problem: "p"), .recipientUnsupported(kind: "an SSH key"), .recipientLowOrder,
    .noRecipients, .identityMalformed(problem: "p"), .identityUnsupported(kind: "a plugin's"), .noIdentities,
    .notSealed(at: 3), .versionUnsupported(found: "v2\u{1B}"), .headerMalformed(at: 9, problem: "p"),
    .headerTooLong(allowed: 5), .headerCut(at: 7), .passphraseUnsupported,
    .noMatch(kinds: ["X25519", "X25519", "a\u{1B}", "b", "c", "d"]), .headerAltered,
    .chunkAltered(chunk: 2, at: 131_304), .payloadCut(at: 8), .trailingBytes(at: 9), .emptyLastChunk(at: 10),
    .payloadLength(found: 17), .payloadTooLong, .rangeOutside(found: 1..<5, byteCount: 3),
    .armor(line: 4, problem: "p"), .signed(.digestMismatch(found: .zero, expected: .zero)),
    .signed(.signerMismatch(found: .zero, expected: .zero)),
    .signed(.wrongDomain(found: .embedded, expected: .embedded)),
    .bindingExpired(at: 1, now: 2),
  ]

  @Test func everyErrorHasACodeOfItsOwnAndOneSafeSentence() {
    #expect(Set(all.map(\.code)).count == all.count)
    for error in all {
      #expect(error.code.hasPrefix("sealing."))
      #expect(!error.message.isEmpty && !error.message.contains("\u{1B}") && !error.message.hasSuffix("."))
      #expect(SealingError.line(number: 3, cause: error).code == error.code)
      #expect(SealingError.line(number: 3, cause: error).message == "line 3: \(error.message)")
    }
    #expect(SealingError.library(.libraryFailure(function: "f")).code == "crypto.libraryFailure")
    #expect(SealingError.signed(.signature(.signatureHighS)).code == "signature.highS")
  }

  @Test func theAnswerNoIsToldFromBadInput() {
    #expect(
      all.filter(\.isRefusal).map(\.code) == [
        "sealing.noMatch", "sealing.headerAltered", "sealing.chunkAltered", "sealing.payloadCut",
        "sealing.trailingBytes", "sealing.emptyLastChunk", "sealing.payloadLength", "sealing.digestMismatch",
        "sealing.signerMismatch", "sealing.wrongDomain", "sealing.bindingExpired",
      ])
    #expect(!SealingError.library(.libraryFailure(function: "f")).isRefusal)
  }
}
