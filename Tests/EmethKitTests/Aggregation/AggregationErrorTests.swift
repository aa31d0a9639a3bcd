import EmethKit
import Testing

@Suite struct AggregationErrorTests {
  private static let errors: [AggregationError] = {
    let (word, who, id) = (Bytes32.zero, Address.zero, JobID(requester: .zero, salt: .zero))
    return [
      .signed(.repeatedSigner(who)), .entrySignature(id, fault: .repeatedSigner(who)),
      .cohortSize(found: 17, allowed: 1...16), .partCount(found: 0, allowed: 1...511), .duplicateMember(id),
      .tooFewAccounts(found: 1, allowed: 3), .rosterOrder(index: 1),
      .foreignProgram(found: word, expected: word), .foreignInitRoot(found: word, expected: word),
      .foreignRound(found: 1, expected: 0), .wrongAttempt(found: 1, expected: 0),
      .attemptSeen(found: 0, last: 0), .attemptsExhausted, .notAMember(id), .memberMissing(id),
      .nodeMismatch(id, found: who, expected: who), .resultRootAltered(id, found: word, expected: word),
      .rosterMismatch(found: word, expected: word), .keyMissing(id), .keyConflict(id), .roundKeyReused(id),
      .roundKeyLowOrder(id), .roundKeyMismatch(id, found: word, expected: word),
      .valueOutOfRing(coordinate: 1, found: 1 << 22, allowed: UpdateRing.limit), .vectorLength(found: 3),
      .vectorMismatch(found: 4, expected: 8), .coordinateLimit(found: 0, allowed: 1), .maskedMissing(id),
      .maskedConflict(id, found: word, first: word), .maskedRootMismatch(id, found: word, expected: word),
      .maskedRootsMismatch(found: word, expected: word),
      .sumOutOfBound(coordinate: 1, found: 1, allowed: 1), .sumConflict(found: word, first: word),
      .shareRange(found: 2, allowed: 1), .shareMissing(id), .beaconMismatch(found: word, expected: word),
      .unexpected(event: "offer", phase: "closed"), .tooLate(event: "masked", now: 2, deadline: 1),
      .library(.libraryFailure(function: "EVP_EncryptUpdate")),
    ]
  }()

  @Test func everyErrorHasACodeOfItsOwnAndOneSentence() {
    #expect(Set(Self.errors.map(\.code)).count == Self.errors.count)
    for error in Self.errors {
      #expect(error.code.hasPrefix("aggregation.") || error.code == "crypto.libraryFailure")
      #expect(!error.message.contains("\n") && !error.message.hasSuffix("."))
      // In lower case, or with a name that has a capital.
      let isName = ["SubJob ", "OpenSSL "].contains { error.message.hasPrefix($0) }
      let start = error.message.first
      #expect(start?.isLowercase == true || start == "0" || isName, "\(error.message)")
      #expect(error.hint.map { !$0.isEmpty } ?? true)
    }
  }
}
