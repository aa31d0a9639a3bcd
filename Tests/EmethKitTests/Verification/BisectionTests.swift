import Testing

@testable import EmethKit

@Suite struct BisectionTests {
  /// Two lists that are equal before entry `first`, counted from 1.
  private func lists(_ count: Int, differingFrom first: Int) -> (node: BisectionList, verifier: BisectionList)
  {
    func list(_ party: UInt8) -> BisectionList {
      BisectionList(
        (1...count).map { SHA256.hash([$0 < first ? 0 : party] + UInt32($0).bigEndianBytes) })
    }
    return (list(1), list(2))
  }

  private func search(_ lists: (node: BisectionList, verifier: BisectionList)) throws -> Bisection {
    try Bisection(
      entries: UInt32(lists.node.entries.count), node: lists.node.entries[lists.node.entries.count - 1],
      verifier: lists.verifier.entries[lists.verifier.entries.count - 1], answerSeconds: 60, at: 1_000)
  }

  @Test func theFirstDifferenceIsFoundInLogarithmicallyManyQuestions() throws {
    for count in [1, 2, 3, 7, 64, 100] {
      for first in 1...count {
        let lists = lists(count, differingFrom: first)
        var search = try search(lists)
        var questions = 0
        while search.outcome == nil {
          questions += 1
          let request = search.request
          try search.apply(#require(lists.node.event(request, as: .node)), at: 1_000)
          try search.apply(#require(lists.verifier.event(request, as: .verifier)), at: 1_000)
        }
        #expect(search.outcome == .found(entry: UInt32(first)))
        #expect(questions <= 3 + Int.bitWidth - count.leadingZeroBitCount)
      }
    }
  }

  @Test(arguments: Bisection.Party.allCases) func whoIsSilentLoses(party: Bisection.Party) throws {
    let lists = lists(9, differingFrom: 4)
    let other = party == .node ? (lists.verifier, Bisection.Party.verifier) : (lists.node, .node)
    let own = party == .node ? lists.node : lists.verifier
    for answered in 0..<4 {
      var search = try search(lists)
      for _ in 0..<answered {
        let request = search.request
        try search.apply(#require(own.event(request, as: party)), at: 1_000)
        try search.apply(#require(other.0.event(request, as: other.1)), at: 1_000)
      }
      try search.apply(#require(other.0.event(search.request, as: other.1)), at: 1_010)
      #expect(throws: VerificationError.self) { try search.apply(.deadlinePassed, at: search.deadline - 1) }
      #expect(search.outcome == nil)
      try search.apply(.deadlinePassed, at: search.deadline)
      #expect(search.outcome == .silent(party))
    }
  }

  @Test func whenBothAreSilentTheRejectionStands() throws {
    var search = try search(lists(3, differingFrom: 2))
    try search.apply(.deadlinePassed, at: 1_060)
    #expect(search.outcome == .silent(.node))
  }

  @Test func anAnswerThatWasNotCommittedToLoses() throws {
    let lists = lists(9, differingFrom: 4)
    var begun = try search(lists)
    try begun.apply(#require(lists.node.event(.commit, as: .node)), at: 1_000)
    try begun.apply(#require(lists.verifier.event(.commit, as: .verifier)), at: 1_000)
    guard case .answered(_, let entry, let value, let proof) = lists.node.event(begun.request, as: .node)
    else {
      Issue.record("no answer")
      return
    }
    for (value, proof) in [(SHA256.hash([9]), proof), (value, Array(proof.dropLast())), (value, [])] {
      var search = begun
      try search.apply(.answered(.node, entry: entry, value: value, proof: proof), at: 1_000)
      #expect(search.outcome == .contradicted(.node, entry: entry))
      // What is said after the end changes nothing.
      try search.apply(#require(lists.verifier.event(.answer(entry: entry), as: .verifier)), at: 1_000)
      #expect(search.outcome == .contradicted(.node, entry: entry))
    }
  }

  @Test func aListWithAnotherEndThanWasClaimedLoses() throws {
    let lists = lists(5, differingFrom: 2)
    let other = self.lists(5, differingFrom: 5).verifier
    var search = try search(lists)
    let changed = BisectionList(Array(lists.node.entries.dropLast()) + [other.entries[0]])
    try search.apply(#require(changed.event(.commit, as: .node)), at: 1_000)
    try search.apply(#require(lists.verifier.event(.commit, as: .verifier)), at: 1_000)
    try search.apply(#require(changed.event(search.request, as: .node)), at: 1_000)
    #expect(search.outcome == .contradicted(.node, entry: 5))
  }

  @Test func whatWasNotAskedIsHeldAgainstNobody() throws {
    let lists = lists(5, differingFrom: 2)
    var search = try search(lists)
    #expect(throws: VerificationError.self) {
      try search.apply(.answered(.node, entry: 3, value: .zero, proof: []), at: 1_000)
    }
    try search.apply(#require(lists.node.event(.commit, as: .node)), at: 1_000)
    // A second commitment does not replace the first.
    try search.apply(.committed(.node, root: .zero), at: 1_000)
    try search.apply(#require(lists.verifier.event(.commit, as: .verifier)), at: 1_000)
    #expect(search.request == .answer(entry: 5))
    #expect(throws: VerificationError.self) {
      try search.apply(.answered(.node, entry: .max, value: .zero, proof: []), at: 1_000)
    }
    #expect(search.outcome == nil)
    try search.apply(#require(lists.node.event(search.request, as: .node)), at: 1_000)
    #expect(search.outcome == nil)
  }

  @Test func listsWithoutADifferenceAreNoDispute() {
    #expect(throws: VerificationError.self) {
      try Bisection(entries: 3, node: .zero, verifier: .zero, answerSeconds: 1, at: 0)
    }
    #expect(throws: VerificationError.self) {
      try Bisection(entries: 0, node: .zero, verifier: SHA256.hash([]), answerSeconds: 1, at: 0)
    }
    #expect(BisectionList([.zero]).event(.answer(entry: 0), as: .node) == nil)
    #expect(BisectionList([.zero]).event(.answer(entry: 2), as: .node) == nil)
  }

  @Test func aClaimAndAnOpeningStatementTravelSigned() throws {
    let key = PrivateKey(seed: .zero, label: "node", index: 0)
    let claim = SignedBisectionClaim(
      signing: BisectionClaim(
        submission: SHA256.hash([1]), segment: 3, level: .operators, step: 17, entries: 90,
        root: SHA256.hash([2])), in: .embedded, with: key)
    let statement = SignedOpeningStatement(
      signing: OpeningStatement(
        jobID: JobID(requester: key.address, salt: .zero), submission: SHA256.hash([1]),
        seed: SHA256.hash([3]), contentHash: SHA256.hash([4])), in: .embedded, with: key)
    try claim.check(signer: key.address)
    try statement.check(signer: key.address)
    let other = PrivateKey(seed: .zero, label: "node", index: 1).address
    #expect(throws: VerificationError.self) { try claim.check(signer: other) }
    #expect(throws: VerificationError.self) { try statement.check(signer: other) }
  }
}
