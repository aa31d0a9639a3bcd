import EmethKit
import Testing

@Suite struct CohortMemberTests {
  private var scene: AggregationScene
  private let secrets: [RoundSecret]
  private var first: JobID { scene.nodes[0].seat.jobID }

  init() {
    scene = AggregationScene(nodes: 4, coordinates: 20)
    secrets = scene.secrets()
  }

  private func refuses(
    _ expected: AggregationError, _ member: CohortMember, _ event: CohortMember.Event
  ) throws {
    var member = member
    let before = member.memory
    #expect(throws: expected) { try member.apply(event) }
    #expect(member.memory == before)
    // What was refused has done no harm.
    if case .offer = event {
      let effects = try member.apply(.offer(scene.roster(secrets)))
      guard case .mask? = effects.first else {
        Issue.record("the right roster is not taken after a wrong one")
        return
      }
    }
  }

  private func roster(
    _ scene: AggregationScene? = nil, programHash: Bytes32? = nil, initRoot: Bytes32? = nil,
    round: UInt32? = nil, attempt: UInt32? = nil, secrets: [RoundSecret]? = nil
  ) throws -> Roster {
    let scene = scene ?? self.scene
    let honest = try scene.plan()
    let plan = try CohortPlan(
      cohort: honest.cohort, round: round ?? honest.round, attempt: attempt ?? honest.attempt,
      programHash: programHash ?? honest.programHash, initRoot: initRoot ?? honest.initRoot,
      coordinates: honest.coordinates)
    return try Roster(plan: plan, keys: scene.keys(secrets ?? self.secrets, of: plan))
  }

  @Test func foreignRostersAreRefused() throws {
    let member = try scene.announcedMember(secrets)
    try refuses(
      .foreignProgram(found: .zero, expected: AggregationScene.programHash), member,
      .offer(roster(programHash: .zero)))
    try refuses(
      .foreignInitRoot(found: .zero, expected: AggregationScene.initRoot), member,
      .offer(roster(initRoot: .zero)))
    try refuses(.foreignRound(found: 5, expected: 4), member, .offer(roster(round: 5)))
    try refuses(.wrongAttempt(found: 1, expected: 0), member, .offer(roster(attempt: 1)))
    var fewer = scene
    fewer.nodes.removeLast()
    try refuses(
      .memberMissing(scene.nodes[3].seat.jobID), member,
      .offer(roster(fewer, secrets: Array(secrets.dropLast()))))
    var other = scene
    other.nodes[2] = AggregationScene.node(part: 9, attempt: 9, account: 9, update: scene.nodes[2].update)
    other.nodes.sort { $0.seat.jobID < $1.seat.jobID }
    // Keys follow the nodes' new order.
    let order = other.nodes.map { node in
      scene.nodes.firstIndex { $0.seat.jobID == node.seat.jobID }.map { secrets[$0] } ?? secrets[2]
    }
    try refuses(
      .notAMember(AggregationScene.jobID(part: 9, attempt: 9)), member,
      .offer(roster(other, secrets: order)))
  }

  @Test func alteredSeatsAreRefused() throws {
    let member = try scene.announcedMember(secrets)
    for index in [0, 2] {
      let seat = scene.nodes[index].seat
      var altered = scene
      altered.nodes[index].seat = CohortSeat(jobID: seat.jobID, node: seat.node, resultRoot: .zero)
      try refuses(
        .resultRootAltered(seat.jobID, found: .zero, expected: seat.resultRoot), member,
        .offer(roster(altered)))
      let stranger = PrivateKey(seed: .zero, label: "stranger", index: 0)
      altered = scene
      altered.nodes[index].key = stranger
      altered.nodes[index].seat = CohortSeat(
        jobID: seat.jobID, node: stranger.address, resultRoot: seat.resultRoot)
      try refuses(
        .nodeMismatch(seat.jobID, found: stranger.address, expected: seat.node), member,
        .offer(roster(altered)))
    }
  }

  @Test func keysThatTheirNodesDidNotSignAreRefused() throws {
    let member = try scene.announcedMember(secrets)
    let honest = try scene.roster(secrets)
    func exchanged(_ index: Int, key: Bytes32? = nil, signature: Signature? = nil) throws -> Roster {
      var entries = honest.entries
      let entry = entries[index]
      entries[index] = RosterEntry(
        jobID: entry.jobID, node: entry.node, resultRoot: entry.resultRoot,
        roundKey: key ?? entry.roundKey, signature: signature ?? entry.signature)
      return try Roster(
        programHash: honest.programHash, initRoot: honest.initRoot, round: honest.round, attempt: 0,
        entries: entries)
    }
    // An Aggregator that puts its own key in a node's place would read the mask between them.
    let own = RoundSecret(SHA256.hash("the Aggregator's".utf8)).publicKey
    var changed = member
    do {
      _ = try changed.apply(.offer(exchanged(2, key: own)))
      Issue.record("a key that its node did not sign was taken")
    } catch {
      guard case .entrySignature(let jobID, .signerMismatch)? = error as? AggregationError else {
        throw error
      }
      #expect(jobID == scene.nodes[2].seat.jobID)
    }
    try refuses(
      .entrySignature(
        scene.nodes[1].seat.jobID,
        fault: .signerMismatch(
          found: try honest.entries[2].signature.recoverAddress(
            from: RoundKey(of: scene.plan(), seat: scene.nodes[1].seat, roundKey: secrets[1].publicKey)
              .digest(in: .embedded)), expected: scene.nodes[1].key.address)),
      member, .offer(exchanged(1, signature: honest.entries[2].signature)))
    try refuses(
      .roundKeyMismatch(first, found: own, expected: secrets[0].publicKey), member,
      .offer(exchanged(0, key: own)))
    // Signed for another chain.
    var foreign = CohortMember(
      seat: scene.nodes[0].seat, round: 4, programHash: AggregationScene.programHash,
      initRoot: AggregationScene.initRoot, key: scene.nodes[0].key,
      domain: EIP712Domain(chainId: 5, verifyingContract: .zero))
    _ = try foreign.apply(.form(scene.plan(), secrets[0]))
    #expect(throws: AggregationError.self) { try foreign.apply(.offer(honest)) }
  }

  @Test func fewerThanThreeAccountsAreRefused() throws {
    // Four SubJobs of two owners.
    var scene = scene
    for index in scene.nodes.indices {
      let node = scene.nodes[index]
      scene.nodes[index].key = PrivateKey(seed: .zero, label: "owner", index: UInt32(index % 2))
      scene.nodes[index].seat = CohortSeat(
        jobID: node.seat.jobID, node: scene.nodes[index].key.address, resultRoot: node.seat.resultRoot)
    }
    var member = scene.member(0)
    #expect(throws: AggregationError.tooFewAccounts(found: 2, allowed: 3)) {
      try member.apply(.form(scene.plan(), secrets[0]))
    }
    let roster = try scene.roster(secrets)
    #expect(throws: AggregationError.tooFewAccounts(found: 2, allowed: 3)) {
      try roster.check(in: .embedded)
    }
    #expect(throws: AggregationError.tooFewAccounts(found: 2, allowed: 3)) {
      try UpdateMask(secret: secrets[0], roster: roster, member: first)
    }
    #expect(throws: AggregationError.tooFewAccounts(found: 2, allowed: 3)) {
      try CohortCollector(plan: scene.plan(), domain: .embedded, keySeconds: 1, maskSeconds: 1)
    }
  }

  @Test func foreignPlansAreRefused() throws {
    let honest = try scene.plan()
    func plan(
      _ cohort: Cohort? = nil, program: Bytes32? = nil, model: Bytes32? = nil, round: UInt32 = 4
    ) throws -> CohortPlan {
      try CohortPlan(
        cohort: cohort ?? honest.cohort, round: round, attempt: 0, programHash: program ?? honest.programHash,
        initRoot: model ?? honest.initRoot, coordinates: 20)
    }
    let seat = scene.nodes[0].seat
    func changed(_ seat: CohortSeat?) throws -> CohortPlan {
      try plan(Cohort(scene.nodes.dropFirst().map(\.seat) + (seat.map { [$0] } ?? [])))
    }
    let idle = scene.member(0)
    for (expected, plan) in try [
      (AggregationError.foreignProgram(found: .zero, expected: honest.programHash), plan(program: .zero)),
      (.foreignInitRoot(found: .zero, expected: honest.initRoot), plan(model: .zero)),
      (.foreignRound(found: 5, expected: 4), plan(round: 5)),
      (.memberMissing(first), changed(nil)),
      (
        .resultRootAltered(first, found: .zero, expected: seat.resultRoot),
        changed(CohortSeat(jobID: first, node: seat.node, resultRoot: .zero))
      ),
      (
        .nodeMismatch(first, found: .zero, expected: seat.node),
        changed(CohortSeat(jobID: first, node: .zero, resultRoot: seat.resultRoot))
      ),
    ] {
      try refuses(expected, idle, .form(plan, secrets[0]))
    }
  }
}
