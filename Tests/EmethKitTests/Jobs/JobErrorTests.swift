import Testing

@testable import EmethKit

/// What every error of these folders must be: a stable code of its own, and one lower-case sentence.
@Suite struct JobErrorTests {
  static let jobErrors: [JobError] = {
    let (id, who, amount) = (JobID(requester: .zero, salt: .zero), Address.zero, TokenAmount.zero)
    return [
      .malformedID(cause: .byteCount(found: 1, allowed: 16)), .idMismatch(found: id, expected: id),
      .termsMismatch(found: amount, expected: amount), .deadlineNotAfterRequest(deadline: 1, requestedAt: 1),
      .noParts, .noRounds, .subJobDivided(found: 2), .textTooLong(field: "dataset", found: 2, allowed: 1),
      .idInUse(id), .wrongRegistrar(job: id, isSubJob: true, found: who),
      .escrowNotCovered(found: amount, required: amount), .verifierFeeForSelfProving(found: amount),
      .openingPhaseStatus(found: "5"),
      .eventNotAllowed(status: .verified, event: .cancel),
      .wrongSender(event: .cancel, found: who, allowed: nil),
      .tooLate(event: .submit, now: 2, deadline: 1), .tooEarly(event: .timeout, now: 1, from: 2),
      .cooldownNotOver(node: who), .depositNotCovered(found: amount, required: amount),
      .claimed(by: who, until: 1), .headerMissing(node: who), .fuelAboveLimit(found: .zero, allowed: .zero),
      .proofRefused, .noOutage(from: 1, to: 2, longerThan: 3),
      .outageNotCounted(from: 1, to: 2, countedUntil: 3),
      .noParent(id), .parentNotEnded(status: .processing), .noVerifierDrawn(event: .verify),
      .verifierNotEligible(found: who), .verifierDue(found: who, until: 1), .verifiersSilent(count: 2),
      .verifiersNotSilent(found: 1, required: 2), .openingsReceived(event: .withhold, at: 1),
      .verdictGiven(event: .verify), .verdictMissing(event: .absent), .rejectionUnconfirmed(by: who),
      .disputeNotNeeded, .notMasked(event: .absent), .noCohort(event: .absent),
      .cohortAttempt(found: 1, above: 1),
      .maskedPosted(event: .absent), .maskedMissing(attempt: 1), .cohortSumWrong(attempt: 1),
      .parentEventNotAllowed(status: .failed, event: .cancel), .parentTooLate(now: 1, deadline: 1),
      .foreignSubJob(id, field: "part"), .unknownSubJob(id), .wrongRound(found: 1, expected: 0),
      .partTaken(round: 0, part: 1), .partsMissing(round: 0, found: 1, required: 2),
    ]
  }()

  static let economicsErrors: [EconomicsError] = {
    let amount = TokenAmount.zero
    return [
      .unknownRuleSet(found: "x"), .ruleSetInvalid(field: "name", problem: "is empty"),
      .fuelAboveLimit(found: .zero, allowed: .zero), .duplicateAccount(.zero),
      .feeBelowVerifierFee(fee: amount, verifierFee: amount),
      .depositBelowVerifierFee(deposit: amount, verifierFee: amount),
      .escrowBelowFees(escrow: amount, required: amount), .verifierFeeParts(found: amount, expected: amount),
      .verifierFeeFromOpenFee(found: amount), .feeAboveLimit(found: amount, allowed: amount),
      .notConserved(locked: amount, paid: amount), .nodeShareParts(found: amount, expected: amount),
      .shareCount(rounds: 0, parts: 1), .shareBelowFuel(share: .zero, needed: .zero),
    ]
  }()

  static let otherErrors: [any EmethError] = {
    let (word, who) = (Bytes32.zero, Address.zero)
    let programs: [ProgramError] = [
      .zeroProgram, .unknownProgram(found: .proofOfWork), .noSubJobProgram(found: .proofOfWork),
      .duplicateProgram(found: .proofOfWork),
      .subJobProgramMissing(parent: .proofOfWork, found: .proofOfWork),
      .fieldOutOfRange(field: "batch", found: "0", allowed: "1"),
      .malformed(field: "batch", cause: .jsonMissing(key: "batch")),
      .unknownVersion(found: "2", allowed: "1"),
      .fuelOverflow(tokens: 1),
    ]
    let splitting: [SplittingError] = [
      .noRecords, .noParts, .morePartsThanRecords(parts: 2, records: 1), .partCount(found: 1, expected: 2),
      .partIndex(found: 1, expected: 0), .partRange(part: 0, found: 0..<1, expected: 0..<2),
      .partOverflow(part: 0),
      .recordCount(found: 1, expected: 2), .rootMismatch(part: nil, found: word, expected: word),
      .unknownPart(found: 1, count: 1), .recordOutside(record: 1, part: 0, allowed: 0..<1),
      .proofMismatch(record: 0, part: 0),
    ]
    let verification: [VerificationError] = [
      .signed(.digestMismatch(found: word, expected: word)),
      .signed(.signerMismatch(found: who, expected: who)),
      .signed(.wrongDomain(found: .embedded, expected: .embedded)), .boundaryOutside(found: 2, segments: 1),
      .proofMismatch(boundary: 1), .boundaryRoot(boundary: 0, found: word, expected: word),
      .submissionMismatch(found: word, expected: word), .oddsRange(field: "bad", found: 2, allowed: 0...1),
      .zeroDenominator, .probabilityAboveOne(found: Ratio(3, nonZero: 2)), .signed(.repeatedSigner(who)),
      .signed(.tooFewSigners(found: 0, allowed: TrustedSigners(who))),
      .signed(.cosignatures(found: 65, allowed: 64)),
    ]
    let tickets: [TicketError] = [
      .signed(.digestMismatch(found: word, expected: word)),
      .signed(.signerMismatch(found: who, expected: who)),
      .signed(.wrongDomain(found: .embedded, expected: .embedded)), .wrongEpoch(found: 1, allowed: "2"),
      .brokenChain(found: word, expected: word), .totalFell(field: "totalPayout", found: 1, before: 2),
      .wrongTime(from: 1, to: 2, notBefore: 3), .accountMismatch(found: who, expected: who),
      .payoutFell(account: who, found: .zero, before: .zero), .jobsRootMismatch(found: word, expected: word),
      .accountsRootMismatch(found: word, expected: word), .dataHashMismatch(found: word, expected: word),
      .totalPayoutMismatch(found: .zero, expected: .zero), .proofMismatch(account: who),
      .leafMissing(account: who),
      .duplicateAccount(who), .leavesLine(number: 1, cause: .format(.jsonMissing(key: "epoch"))),
      .leavesNotCanonical, .signerReturns(who), .signed(.repeatedSigner(who)),
      .signed(.tooFewSigners(found: 0, allowed: TrustedSigners(who))),
      .signed(.cosignatures(found: 65, allowed: 64)), .jobMissing(JobID(requester: who, salt: word)),
      .jobProofMismatch(JobID(requester: who, salt: word)), .noConflict(first: 1, second: 2),
      .equivocation(epoch: 1), .ticketConflict(account: who, epoch: 1),
    ]
    return programs + splitting + verification + tickets
  }()

  @Test func everyErrorHasACodeOfItsOwnAndASentence() {
    let errors: [any EmethError] = Self.jobErrors + Self.economicsErrors + Self.otherErrors
    #expect(Set(errors.map(\.code)).count == errors.count)
    for error in errors {
      let parts = error.code.split(separator: ".")
      #expect(parts.count == 2, "\(error.code)")
      #expect(
        ["job", "economics", "program", "splitting", "verification", "ticket"].contains(parts.first),
        "\(error.code)")
      let first = error.message.unicodeScalars.first
      // A name such as NumParallel or SubJob may stand first.
      #expect(
        first.map { !$0.properties.isUppercase } == true || error.message.hasPrefix("Num")
          || error.message.hasPrefix("SubJob"), "\(error.message)")
      #expect(!error.message.hasSuffix(".") && !error.message.contains("\n"), "\(error.message)")
      #expect(error.hint?.isEmpty != true)
    }
  }

  @Test func aCauseSpeaksForItself() {
    let overflow = NumberError.overflow(operation: "fee")
    let money = JobError.money(cause: .number(overflow))
    #expect(money.code == overflow.code)
    #expect(money.message == overflow.message)
    #expect(TicketError.number(overflow).code == overflow.code)
    #expect(JobError.money(cause: .shareBelowFuel(share: .zero, needed: .zero)).hint != nil)
  }

  @Test func everyReasonHasItsOwnWords() {
    #expect(Set(JobEndReason.allCases.map(\.message)).count == JobEndReason.allCases.count)
  }
}
