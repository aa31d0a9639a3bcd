import EmethKit
import Testing

@Suite struct CohortRunTests {
  @Test(arguments: [3, 5, 16]) func anHonestCohortEndsInTheExactSum(count: Int) throws {
    let scene = AggregationScene(nodes: count, coordinates: 300, test: "honest cohort of \(count)")
    var run = try CohortRun(scene)
    let sum = try run.run()
    #expect(run.sumVector == scene.sum)
    #expect(sum.sumRoot == scene.sum.stored.root)
    #expect(run.attempts == 1 && run.absent.isEmpty)
  }

  /// A node lost at any stage, alone or with another, leads to the same bits.
  @Test func droppedNodesChangeNothing() throws {
    let scene = AggregationScene(nodes: 5, coordinates: 200)
    let drops = CohortRun.Drop.allCases.map { Optional($0) } + [nil]
    for first in drops {
      for second in drops {
        var run = try CohortRun(scene)
        run.nodes[run.ids[1]]?.drop = first
        run.nodes[run.ids[4]]?.drop = second
        _ = try run.run()
        #expect(run.sumVector == scene.sum, "\(first as Any), \(second as Any)")
        let lost = [first, second].filter { $0 == .beforeKeys || $0 == .beforeMask }.count
        #expect(run.absent.count == lost)
        // Those who are lost at the same stage cost one attempt.
        let stages = Set([first, second].compactMap { $0 }.filter { $0 != .afterMask })
        #expect(run.attempts == 1 + stages.count)
      }
    }
  }

  @Test func everybodyMayBeLostOnce() throws {
    let scene = AggregationScene(nodes: 4, coordinates: 50)
    for drop in [CohortRun.Drop.beforeKeys, .beforeMask] {
      var run = try CohortRun(scene)
      for jobID in run.ids { run.nodes[jobID]?.drop = drop }
      _ = try run.run()
      #expect(run.sumVector == scene.sum && run.absent.count == 4 && run.attempts == 2)
    }
  }

  private struct Court {
    var audit: CohortAudit
    var projection: SumProjection
    var shares: [SignedSumShare]
    var verifiers: [JobID: Address]
    var fits: Bool {
      get throws {
        try audit.sharesFit(shares, verifiers: verifiers, sum: projection, in: .embedded)
      }
    }
  }

  private let aggregator = PrivateKey(seed: .zero, label: "aggregator", index: 0)
  private let beacon = SHA256.hash("the batch after".utf8)

  /// What all sides sign when a run is over.
  private func court(_ run: CohortRun) throws -> Court {
    let result = try #require(run.collector.result)
    let sum = SignedCohortSum(signing: result.sum, in: .embedded, with: aggregator)
    let audit = try CohortAudit(
      roster: result.roster, masked: result.masked.reversed(), sum: sum, aggregator: aggregator.address,
      in: .embedded)
    var shares: [SignedSumShare] = []
    var verifiers: [JobID: Address] = [:]
    for jobID in run.ids {
      let verifier = PrivateKey(seed: .zero, label: "verifier", index: UInt32(shares.count))
      let node = try #require(run.nodes[jobID])
      let share = try SumShare(
        jobID: jobID, round: AggregationScene.round, beacon: beacon,
        value: node.update.projection(beacon).value)
      shares.append(SignedSumShare(signing: share, in: .embedded, with: verifier))
      verifiers[jobID] = verifier.address
    }
    return Court(
      audit: audit, projection: try run.sumVector.projection(beacon), shares: shares, verifiers: verifiers)
  }

  private func sumRootAddedAgain(_ run: CohortRun) throws -> Bytes32 {
    let result = try #require(run.collector.result)
    return try added(result.masked.map { try #require(run.vectors[$0.content.maskedRoot]) }).stored.root
  }

  /// Each verifier's own look at its node's opening.
  private func openings(_ run: CohortRun) throws -> [JobID: Bool] {
    let result = try #require(run.collector.result)
    var found: [JobID: Bool] = [:]
    for masked in result.masked {
      let node = try #require(run.nodes[masked.content.jobID])
      let opening = try fromJSON(RoundOpening.self, jsonText(node.member.opening()))
      do {
        try node.update.withUnsafeBytes { update in
          try opening.check(update, of: masked.content, roster: result.roster)
        }
        found[masked.content.jobID] = true
      } catch {
        guard case .maskedRootMismatch? = error as? AggregationError else { throw error }
        found[masked.content.jobID] = false
      }
    }
    return found
  }

  @Test func anHonestSumHolds() throws {
    var run = try CohortRun(AggregationScene(nodes: 6, coordinates: 2_100))
    _ = try run.run()
    let court = try court(run)
    #expect(try court.fits)
    #expect(court.audit.finding(sharesFit: true, sumRootAddedAgain: nil, openings: [:]) == .holds)
    #expect(try Set(openings(run).values) == [true])
  }

  @Test func anAggregatorThatAddsWronglyIsFound() throws {
    let changes: [(inout [Int32]) -> Void] = [
      { $0[0] += 1 }, { $0[99] &-= 1 << 20 }, { $0.swapAt(3, 4) }, { $0 = $0.map { _ in 0 } },
    ]
    for change in changes {
      var run = try CohortRun(AggregationScene(nodes: 4, coordinates: 100))
      run.tamper = change
      _ = try run.run()
      let court = try court(run)
      guard try !court.fits else {
        // Two equal neighbours exchanged are no change.
        #expect(run.sumVector[3] == run.sumVector[4])
        continue
      }
      let audit = court.audit
      #expect(audit.finding(sharesFit: false, sumRootAddedAgain: nil, openings: [:]) == .addAgain)
      let again = try sumRootAddedAgain(run)
      #expect(
        audit.finding(sharesFit: false, sumRootAddedAgain: again, openings: [:])
          == .aggregatorLied(found: audit.sum.sumRoot, expected: again))
    }
  }

  /// A sum without one of the vectors is no sum of updates at all.
  @Test func aMissingTermShowsAtOnce() throws {
    var run = try CohortRun(AggregationScene(nodes: 4, coordinates: 100))
    _ = try run.run()
    let vectors = try #require(run.collector.result).masked.dropLast()
      .map { try #require(run.vectors[$0.content.maskedRoot]) }
    #expect(throws: AggregationError.self) {
      try added(vectors).withUnsafeBytes { sum in
        try MaskedSum.check(sum, parts: 4)
      }
    }
  }

  @Test func aPoisonedUpdateIsPinnedToItsNode() throws {
    for liars in [[0], [2], [1, 3]] {
      var run = try CohortRun(AggregationScene(nodes: 4, coordinates: 500))
      for liar in liars {
        let jobID = run.ids[liar]
        var poison = try #require(run.nodes[jobID]).update
        // Each somewhere else: two lies could take each other back.
        poison[7 + liar] = poison[7 + liar] == 0 ? 1 : -poison[7 + liar]
        run.nodes[jobID]?.poison = poison
      }
      _ = try run.run()
      let court = try court(run)
      #expect(try !court.fits)
      let again = try sumRootAddedAgain(run)
      #expect(
        court.audit.finding(sharesFit: false, sumRootAddedAgain: again, openings: [:]) == .open(run.ids))
      let opened = try openings(run)
      #expect(
        court.audit.finding(sharesFit: false, sumRootAddedAgain: again, openings: opened)
          == .nodesLied(liars.map { run.ids[$0] }))
      // The liars are expelled, their parts computed again: the sum is that of the honest updates.
      let honest = run.ids.compactMap { run.nodes[$0]?.update }
      for liar in liars.map({ run.ids[$0] }) {
        try run.carryOut(run.collector.apply(.expel(liar), at: run.now))
      }
      #expect(run.collector.result != nil)
      #expect(try run.sumVector == added(honest))
    }
  }

  @Test func aWrongShareIsNobodysVector() throws {
    var run = try CohortRun(AggregationScene(nodes: 3, coordinates: 50))
    _ = try run.run()
    var court = try court(run)
    let verifier = PrivateKey(seed: .zero, label: "verifier", index: 1)
    let old = court.shares[1].content
    let wrong = try SumShare(
      jobID: old.jobID, round: old.round, beacon: old.beacon, value: old.value == 0 ? 1 : old.value - 1)
    court.shares[1] = SignedSumShare(signing: wrong, in: .embedded, with: verifier)
    #expect(try !court.fits)
    #expect(
      try court.audit.finding(
        sharesFit: false, sumRootAddedAgain: sumRootAddedAgain(run), openings: openings(run))
        == .sharesWrong)
  }

  @Test func sharesAreChecked() throws {
    var run = try CohortRun(AggregationScene(nodes: 3, coordinates: 50))
    _ = try run.run()
    let good = try court(run)
    var court = good
    court.shares.removeLast()
    #expect(throws: AggregationError.shareMissing(run.ids[2])) { try court.fits }
    court = good
    court.verifiers[run.ids[0]] = aggregator.address
    let first = good.shares[0].signer
    #expect(
      throws: AggregationError.signed(.signerMismatch(found: first, expected: aggregator.address))
    ) { try court.fits }
    court = good
    court.projection = try run.sumVector.projection(.zero)
    #expect(throws: AggregationError.beaconMismatch(found: beacon, expected: .zero)) { try court.fits }
    court = good
    let share = try SumShare(jobID: run.ids[0], round: 9, beacon: beacon, value: 1)
    court.shares[0] = SignedSumShare(
      signing: share, in: .embedded, with: PrivateKey(seed: .zero, label: "verifier", index: 0))
    #expect(throws: AggregationError.foreignRound(found: 9, expected: AggregationScene.round)) {
      try court.fits
    }
  }

  @Test func anAuditTakesOnlyWhatBelongsTogether() throws {
    var run = try CohortRun(AggregationScene(nodes: 3, coordinates: 50))
    _ = try run.run()
    let result = try #require(run.collector.result)
    func audit(
      _ masked: [SignedMasked], _ sum: CohortSum, by key: PrivateKey? = nil
    ) throws {
      _ = try CohortAudit(
        roster: result.roster, masked: masked,
        sum: SignedCohortSum(signing: sum, in: .embedded, with: key ?? aggregator),
        aggregator: aggregator.address, in: .embedded)
    }
    try audit(result.masked, result.sum)
    #expect(throws: AggregationError.maskedMissing(run.ids[1])) {
      try audit([result.masked[0], result.masked[2]], result.sum)
    }
    let node = try #require(run.nodes[run.ids[0]]).key
    #expect(
      throws: AggregationError.signed(
        .signerMismatch(found: node.address, expected: aggregator.address))
    ) { try audit(result.masked, result.sum, by: node) }
    let other = CohortSum(roster: result.roster, maskedRoots: [.zero], sumRoot: result.sum.sumRoot)
    #expect(
      throws: AggregationError.maskedRootsMismatch(
        found: other.maskedRootsHash, expected: result.sum.maskedRootsHash)
    ) { try audit(result.masked, other) }
    let foreign = CohortSum(
      round: result.sum.round, attempt: result.sum.attempt, rosterHash: .zero,
      maskedRootsHash: result.sum.maskedRootsHash, sumRoot: .zero)
    #expect(throws: AggregationError.rosterMismatch(found: .zero, expected: result.roster.hash)) {
      try audit(result.masked, foreign)
    }
  }
}
