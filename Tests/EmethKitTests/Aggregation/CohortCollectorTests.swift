import EmethKit
import Testing

@Suite struct CohortCollectorTests {
  private var scene: AggregationScene
  private let secrets: [RoundSecret]

  init() {
    scene = AggregationScene(nodes: 4, coordinates: 20)
    secrets = scene.secrets()
  }

  private func collector(started: Bool = true) throws -> CohortCollector {
    var collector = try CohortCollector(
      plan: scene.plan(), domain: .embedded, keySeconds: 10, maskSeconds: 20)
    if started { _ = try collector.start(at: 100) }
    return collector
  }

  private func key(_ index: Int, secret: RoundSecret? = nil, attempt: UInt32 = 0) throws -> SignedRoundKey {
    let node = scene.nodes[index]
    return SignedRoundKey(
      signing: RoundKey(
        of: try scene.plan(attempt: attempt), seat: node.seat,
        roundKey: (secret ?? secrets[index]).publicKey), in: .embedded, with: node.key)
  }

  /// A collector that waits for vectors, and its roster.
  private func offered() throws -> (CohortCollector, Roster) {
    var collector = try collector()
    for index in 0..<3 { #expect(try collector.apply(.roundKey(key(index)), at: 101).isEmpty) }
    let effects = try collector.apply(.roundKey(key(3)), at: 105)
    let roster = try scene.roster(secrets)
    #expect(effects == [.offer(roster, deadline: 125)])
    return (collector, roster)
  }

  private func word(_ index: Int, _ roster: Roster, root: Bytes32) -> SignedMasked {
    let masked = Masked(
      jobID: scene.nodes[index].seat.jobID, round: roster.round, attempt: roster.attempt,
      rosterHash: roster.hash, maskedRoot: root)
    return SignedMasked(signing: masked, in: .embedded, with: scene.nodes[index].key)
  }

  private func root(_ index: Int) -> Bytes32 { SHA256.hash("vector \(index)".utf8) }

  private func event(_ index: Int, _ roster: Roster, root: Bytes32? = nil) -> CohortCollector.Event {
    let root = root ?? self.root(index)
    return .masked(
      word(index, roster, root: root), stored: MaskedVector(root: root, byteCount: 80))
  }

  private func refuses(
    _ expected: AggregationError, _ collector: CohortCollector, _ event: CohortCollector.Event,
    at now: UInt64 = 106
  ) {
    var collector = collector
    let before = (collector.plan, collector.deadline, collector.usedKeys, collector.emptySeats)
    #expect(throws: expected) { try collector.apply(event, at: now) }
    #expect(collector.plan == before.0 && collector.deadline == before.1)
    #expect(collector.usedKeys == before.2 && collector.emptySeats == before.3)
  }

  @Test func keysAreChecked() throws {
    var collector = try collector()
    let plan = try scene.plan()
    let seat = scene.nodes[0].seat
    func signed(
      _ seat: CohortSeat, program: Bytes32? = nil, model: Bytes32? = nil, round: UInt32 = 4,
      attempt: UInt32 = 0, roundKey: Bytes32? = nil, by key: PrivateKey? = nil
    ) -> CohortCollector.Event {
      let content = RoundKey(
        jobID: seat.jobID, round: round, attempt: attempt, node: seat.node,
        programHash: program ?? plan.programHash, initRoot: model ?? plan.initRoot,
        resultRoot: seat.resultRoot, roundKey: roundKey ?? secrets[0].publicKey)
      return .roundKey(SignedRoundKey(signing: content, in: .embedded, with: key ?? scene.nodes[0].key))
    }
    refuses(
      .foreignProgram(found: .zero, expected: plan.programHash), collector, signed(seat, program: .zero))
    refuses(.foreignInitRoot(found: .zero, expected: plan.initRoot), collector, signed(seat, model: .zero))
    refuses(.foreignRound(found: 3, expected: 4), collector, signed(seat, round: 3))
    refuses(.wrongAttempt(found: 1, expected: 0), collector, signed(seat, attempt: 1))
    let stranger = AggregationScene.jobID(part: 99, attempt: 0)
    refuses(
      .notAMember(stranger), collector,
      signed(CohortSeat(jobID: stranger, node: seat.node, resultRoot: seat.resultRoot)))
    refuses(
      .resultRootAltered(seat.jobID, found: .zero, expected: seat.resultRoot), collector,
      signed(CohortSeat(jobID: seat.jobID, node: seat.node, resultRoot: .zero)))
    refuses(
      .nodeMismatch(seat.jobID, found: .zero, expected: seat.node), collector,
      signed(CohortSeat(jobID: seat.jobID, node: .zero, resultRoot: seat.resultRoot)))
    let other = scene.nodes[1].key
    refuses(
      .signed(.signerMismatch(found: other.address, expected: seat.node)), collector,
      signed(seat, by: other))
    refuses(.roundKeyLowOrder(seat.jobID), collector, signed(seat, roundKey: .zero))
    refuses(.tooLate(event: "roundKey", now: 110, deadline: 110), collector, signed(seat), at: 110)

    _ = try collector.apply(signed(seat), at: 101)
    #expect(try collector.apply(signed(seat), at: 200).isEmpty, "the same key again is no event")
    refuses(.keyConflict(seat.jobID), collector, signed(seat, roundKey: secrets[1].publicKey))
    // Another member with the same key.
    refuses(
      .roundKeyReused(scene.nodes[1].seat.jobID), collector, .roundKey(try key(1, secret: secrets[0])))
    let used = try CohortCollector(
      plan: plan, domain: .embedded, keySeconds: 10, maskSeconds: 10, usedKeys: [secrets[0].publicKey])
    var later = used
    _ = try later.start(at: 100)
    refuses(.roundKeyReused(seat.jobID), later, signed(seat), at: 101)
  }

  @Test func maskedVectorsAreChecked() throws {
    var (collector, roster) = try offered()
    #expect(try collector.apply(.roundKey(key(3)), at: 106).isEmpty, "the last key again is no event")
    refuses(
      .unexpected(event: "roundKey", phase: "collecting masked vectors"), collector,
      .roundKey(try key(3, secret: secrets[0])))
    let later = try scene.roster(secrets, attempt: 1)
    refuses(.wrongAttempt(found: 1, expected: 0), collector, event(0, later))
    let other = try Roster(
      programHash: .zero, initRoot: roster.initRoot, round: 4, attempt: 0, entries: roster.entries)
    refuses(.rosterMismatch(found: other.hash, expected: roster.hash), collector, event(0, other))
    let forged = SignedMasked(
      signing: word(0, roster, root: .zero).content, in: .embedded, with: scene.nodes[1].key)
    refuses(
      .signed(
        .signerMismatch(found: scene.nodes[1].key.address, expected: scene.nodes[0].key.address)), collector,
      .masked(forged, stored: MaskedVector(root: .zero, byteCount: 80)))
    let first = scene.nodes[0].seat.jobID
    refuses(
      .maskedRootMismatch(first, found: .zero, expected: root(0)), collector,
      .masked(word(0, roster, root: .zero), stored: MaskedVector(root: root(0), byteCount: 80)))
    refuses(
      .vectorMismatch(found: 76, expected: 80), collector,
      .masked(word(0, roster, root: root(0)), stored: MaskedVector(root: root(0), byteCount: 76)))
    refuses(
      .tooLate(event: "masked", now: 125, deadline: 125), collector, event(0, roster), at: 125)
    #expect(try collector.apply(event(0, roster), at: 107).isEmpty)
    #expect(try collector.apply(event(0, roster), at: 107).isEmpty)
    refuses(
      .maskedConflict(first, found: .zero, first: root(0)), collector, event(0, roster, root: .zero))
    refuses(
      .unexpected(event: "summed", phase: "collecting masked vectors"), collector, .summed(sumRoot: .zero))

    for index in 1..<3 { _ = try collector.apply(event(index, roster), at: 108) }
    let effects = try collector.apply(event(3, roster), at: 109)
    #expect(effects == [.add(roster, maskedRoots: (0..<4).map { root($0) })])
    #expect(collector.deadline == nil && collector.tick(at: .max).isEmpty, "nobody is needed any more")
    #expect(try collector.apply(.lose(first), at: 110).isEmpty)
    #expect(try collector.apply(event(2, roster), at: 110).isEmpty)
    let sum = CohortSum(roster: roster, maskedRoots: (0..<4).map { root($0) }, sumRoot: .zero)
    #expect(try collector.apply(.summed(sumRoot: .zero), at: 111) == [.publish(sum)])
    #expect(try collector.apply(.summed(sumRoot: .zero), at: 111).isEmpty)
    refuses(.sumConflict(found: root(1), first: .zero), collector, .summed(sumRoot: root(1)))
    #expect(collector.result?.sum == sum && collector.result?.masked.count == 4)
  }

  @Test func lostNodesEmptyTheirSeats() throws {
    var (collector, roster) = try offered()
    _ = try collector.apply(event(0, roster), at: 106)
    let ids = scene.nodes.map(\.seat.jobID)
    #expect(try collector.apply(.lose(ids[0]), at: 106).isEmpty, "it has posted: it is not needed")
    #expect(collector.tick(at: 124).isEmpty)
    #expect(collector.tick(at: 125) == [.absent(Array(ids[1...]))])
    #expect(collector.tick(at: 999).isEmpty)
    #expect(collector.emptySeats == Array(ids[1...]))
    #expect(try collector.apply(.lose(ids[1]), at: 130).isEmpty, "it is known to be lost")
    refuses(
      .unexpected(event: "masked", phase: "waiting for parts to be computed again"), collector,
      event(1, roster))
    // The one that had posted is lost now, too.
    #expect(try collector.apply(.lose(ids[0]), at: 130) == [.absent([ids[0]])])
    let seats = (0..<4).map {
      AggregationScene.node(part: UInt32($0), attempt: 7, account: 50 + UInt32($0), update: []).seat
    }
    for index in 0..<3 {
      #expect(try collector.apply(.replace(ids[index], by: seats[index]), at: 131).isEmpty)
      #expect(try collector.apply(.replace(ids[index], by: seats[index]), at: 131).isEmpty)
    }
    refuses(.notAMember(ids[0]), collector, .replace(ids[0], by: seats[3]), at: 131)
    refuses(.duplicateMember(seats[0].jobID), collector, .replace(ids[3], by: seats[0]), at: 131)
    // A replacement is lost before the attempt forms: its seat is empty again.
    #expect(try collector.apply(.lose(seats[2].jobID), at: 132) == [.absent([seats[2].jobID])])
    refuses(.notAMember(ids[0]), collector, .lose(ids[0]), at: 132)
    #expect(collector.emptySeats == [ids[2], ids[3]])
    _ = try collector.apply(.replace(ids[2], by: seats[2]), at: 133)
    let effects = try collector.apply(.replace(ids[3], by: seats[3]), at: 134)
    guard case .form(let plan, let deadline)? = effects.first else {
      Issue.record("the cohort does not form again")
      return
    }
    #expect(plan.attempt == 1 && deadline == 144 && Set(plan.cohort.seats) == Set(seats))
    #expect(plan.initRoot == AggregationScene.initRoot)
  }

  /// Seats that all fall to two accounts would hide nobody.
  @Test func replacementsMustLeaveThreeAccounts() throws {
    var collector = try collector()
    let ids = scene.nodes.map(\.seat.jobID)
    _ = try collector.apply(.lose(ids[2]), at: 101)
    _ = try collector.apply(.lose(ids[3]), at: 101)
    func seat(_ attempt: UInt32, account: UInt32) -> CohortSeat {
      AggregationScene.node(part: 60 + attempt, attempt: attempt, account: account, update: []).seat
    }
    let owners = scene.nodes.map(\.seat.node)
    _ = try collector.apply(
      .replace(ids[2], by: CohortSeat(jobID: seat(1, account: 0).jobID, node: owners[0], resultRoot: .zero)),
      at: 102)
    refuses(
      .tooFewAccounts(found: 2, allowed: 3), collector,
      .replace(ids[3], by: CohortSeat(jobID: seat(2, account: 0).jobID, node: owners[1], resultRoot: .zero)),
      at: 102)
    #expect(try !collector.apply(.replace(ids[3], by: seat(3, account: 70)), at: 103).isEmpty)
  }

  @Test func nothingTrapsWhateverComesWhen() throws {
    var random = SeededGenerator()
    let roster = try scene.roster(secrets)
    let later = try scene.roster(secrets, attempt: 1)
    let seat = AggregationScene.node(part: 0, attempt: 9, account: 90, update: []).seat
    let ids = scene.nodes.map(\.seat.jobID)
    // What honest members send comes often, so that some cohorts get to their end.
    let honest = try (0..<4).flatMap {
      [CohortCollector.Event](repeating: try .roundKey(key($0)), count: 6)
        + [CohortCollector.Event](repeating: event($0, roster), count: 6)
    }
    let stranger = AggregationScene.jobID(part: 99, attempt: 0)
    let other: [CohortCollector.Event] = try [
      .roundKey(key(0, attempt: 1)), .roundKey(key(1, secret: secrets[0])), event(2, later),
      event(3, roster, root: .zero), .lose(ids[0]), .expel(ids[1]), .lose(stranger), .expel(stranger),
      .replace(ids[0], by: seat), .replace(ids[1], by: scene.nodes[2].seat), .replace(stranger, by: seat),
    ]
    let sums = [CohortCollector.Event](repeating: .summed(sumRoot: .zero), count: 8)
    let events = honest + other + sums
    let times: [UInt64] = [101, 101, 101, 106, 0, 125, .max]
    var ends = 0
    for _ in 0..<scaled(40) {
      var collector = try collector(started: Int.random(in: 0..<4, using: &random) > 0)
      for _ in 0..<60 {
        let now = times[Int.random(in: 0..<times.count, using: &random)]
        switch Int.random(in: 0..<40, using: &random) {
        case 0: _ = try? collector.start(at: now)
        case 1: _ = collector.tick(at: now)
        default: _ = try? collector.apply(try #require(events.randomElement(using: &random)), at: 101)
        }
      }
      if collector.result != nil { ends += 1 }
      #expect(collector.emptySeats.count <= 4 && collector.plan.cohort.seats.count == 4)
    }
    print("\(ends) cohorts came to their end")
  }
}
