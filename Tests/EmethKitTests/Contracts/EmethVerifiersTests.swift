@testable import EmethKit
import Testing

/// The third contract, and that all of the tables is in the contracts as they were compiled.
@Suite struct EmethVerifiersTests {
  private let scene: ContractScene
  private let amount = TokenAmount(holon: 25)

  init() throws { scene = try ContractScene() }

  private typealias Case = (function: ABIFunction, data: [UInt8], arguments: [ABIValue])

  private func call<Output>(_ call: ContractCall<Output>, _ arguments: [ABIValue] = []) -> Case {
    (call.function, call.data, arguments)
  }

  private func verdict(_ accepted: Bool) -> SignedVerdict {
    SignedVerdict(
      signing: Verdict(
        jobID: scene.job, submission: scene.word, verifier: scene.node, accepted: accepted, seed: scene.word,
        step: 12, stepRoot: scene.word, evidence: .zero), in: .embedded, with: scene.key)
  }

  @Test func calldataHoldsWhatWasSaid() throws {
    let job = ABIValue.fixedBytes(scene.job.bytes)
    let (node, word) = (ABIValue.address(scene.node), ABIValue.bytes32(scene.word))
    let jobs = ABIValue.array([job, .fixedBytes(scene.parent.bytes)])
    let (yes, no) = (verdict(true), verdict(false))
    let cases: [Case] = [
      call(EmethVerifiers.bond(amount), [.uint(25)]), call(EmethVerifiers.announceUnbonding()),
      call(EmethVerifiers.unbond(scene.node), [node]),
      call(EmethVerifiers.commitSecrets([scene.word, .zero]), [.array([word, .bytes32(.zero)])]),
      call(EmethVerifiers.drawVerifier(scene.job), [job]),
      call(EmethVerifiers.challenge(scene.job, secret: scene.word), [job, word]),
      call(EmethVerifiers.open(scene.job, openings: scene.word), [job, word]),
      call(EmethVerifiers.withhold(scene.job), [job]),
      call(EmethVerifiers.expireVerification(scene.job), [job]),
      call(EmethVerifiers.absent(scene.job), [job]),
      call(EmethVerifiers.openCohort([scene.job, scene.parent], due: 9), [jobs, .uint(9)]),
      call(
        EmethVerifiers.fixCohort([scene.job, scene.parent], roster: scene.word, due: 9),
        [jobs, word, .uint(9)]),
      call(EmethVerifiers.completeCohort(scene.job), [job]),
      call(EmethVerifiers.postRoundKey(scene.job, scene.word), [job, word]),
      call(EmethVerifiers.postMasked(scene.job, root: scene.word), [job, word]),
      call(
        EmethVerifiers.forfeitBond(yes, no),
        [
          .tuple(yes.verdict.eip712Values), .bytes(yes.signature.bytes), .tuple(no.verdict.eip712Values),
          .bytes(no.signature.bytes),
        ]),
      call(EmethVerifiers.candidates(of: scene.job, by: scene.node), [job, node]),
      call(EmethVerifiers.candidates(for: scene.node, verifierFee: amount), [node, .uint(25)]),
      call(EmethVerifiers.isListed(scene.node), [node]), call(EmethVerifiers.review(scene.job), [job]),
      call(EmethVerifiers.bond(of: scene.node), [node]),
    ]
    for (function, data, arguments) in cases {
      #expect(try function.decodeCall(data, canonical: true) == arguments, "\(function)")
    }
    #expect(Set(cases.map(\.function)) == Set(EmethVerifiers.functions))
  }

  @Test func resultsAreRead() throws {
    let values: [ABIValue] = [
      .uint(4), .bool(true), .uint(2), .uint(1), .uint(0), .uint(77), .uint(45), .bytes32(scene.word),
      .bytes32(.zero), .bytes32(Keccak256.hash([7])), .address(scene.node), .address(.zero), .uint(5),
      .uint(6),
    ]
    let review = EmethVerifiers.review(scene.job)
    let found = try review.result(review.function.encodeResult(values))
    #expect(
      found
        == EmethVerifiers.Review(
          phase: .waitsForVerdict, isMasked: true, turn: 2, silent: 1, dueBy: nil, beaconBlock: 77,
          submission: scene.word, commitment: Keccak256.hash([7]), verifier: scene.node, finder: nil))
    let broken = [ABIValue.uint(10)] + values.dropFirst()
    #expect(throws: ContractError.value(of: "reviews", member: "phase", found: "10", allowed: "0 to 9")) {
      try review.result(review.function.encodeResult(broken))
    }
    let bond = EmethVerifiers.bond(of: scene.node)
    #expect(
      try bond.result(bond.function.encodeResult([.uint(25), .uint(0), .uint(3), .uint(2)]))
        == EmethVerifiers.Bond(amount: amount, unbondingAt: nil, posted: 3, used: 2))
    let terms = EmethCore.jobTerms(scene.job)
    #expect(
      try terms.result(terms.function.encodeResult([.uint(25), .uint(2), .uint(3)]))
        == EmethCore.JobTerms(
          escrow: amount, verifierFee: TokenAmount(holon: 2), deposit: TokenAmount(holon: 3)))
    let none = EmethCore.settlement()
    #expect(try none.result(none.function.encodeResult([.address(.zero)])) == nil)
  }

  @Test func everyEventIsRead() throws {
    let (job, node, word) = (ABIValue.fixedBytes(scene.job.bytes), scene.node, scene.word)
    let cases: [([ABIValue], EmethVerifiers.Event)] = [
      ([job, .address(node), .bytes32(word)], .drawn(scene.job, verifier: node, beacon: word)),
      ([job, .uint(9)], .drawDelayed(scene.job, beaconBlock: 9)),
      ([job, .bytes32(word)], .challenged(scene.job, seed: word)),
      ([job, .bytes32(word)], .opened(scene.job, openings: word)),
      ([job, .address(node)], .disputed(scene.job, verifier: node)),
      (
        [job, .uint(1), .uint(7), .bytes32(word)],
        .cohortChanged(scene.job, attempt: 1, phase: 7, word: word)
      ),
      (
        [.address(node), .uint(25), .uint(0)],
        .bondChanged(verifier: node, amount: amount, unbondingAt: nil)
      ),
      ([.address(node), .uint(25)], .bondForfeited(verifier: node, amount: amount)),
      ([.address(node), .uint(3)], .secretsCommitted(verifier: node, posted: 3)),
    ]
    #expect(cases.count == EmethVerifiers.events.count)
    for (event, (values, expected)) in zip(EmethVerifiers.events, cases) {
      let log = try event.encode(values)
      #expect(try EmethVerifiers.Event(topics: log.topics, data: log.data) == expected)
      #expect(throws: ContractError.self, "\(event)") {
        try EmethVerifiers.Event(topics: Array(log.topics.dropLast()), data: log.data)
      }
    }
  }

  @Test func theTablesAreTheCompiledContracts() throws {
    let core = try ContractArtifact("EmethCore")
    let settlement = try ContractArtifact("EmethSettlement")
    let verifiers = try ContractArtifact("EmethVerifiers")
    let shared = try core.functions().merging(settlement.functions()) { first, _ in first }
    for function in EmethCore.functions {
      #expect(shared[function.signature] == function.outputs.map(\.type.description), "\(function)")
    }
    let own = try verifiers.functions()
    for function in EmethVerifiers.functions {
      #expect(own[function.signature] == function.outputs.map(\.type.description), "\(function)")
    }
    let signers = try ContractArtifact("EmethSigners").functions()
    for function in EmethSigners.functions {
      #expect(signers[function.signature] == function.outputs.map(\.type.description), "\(function)")
    }
    let coreEvents = try core.events().merging(settlement.events()) { first, _ in first }
    for event in EmethCore.events {
      #expect(coreEvents[event.signature] == event.parameters.map(\.isIndexed), "\(event)")
    }
    let ownEvents = try verifiers.events()
    #expect(ownEvents.count == EmethVerifiers.events.count)
    for event in EmethVerifiers.events {
      #expect(ownEvents[event.signature] == event.parameters.map(\.isIndexed), "\(event)")
    }
  }

  /// The selectors that Docs/Decisions/0018 records.
  @Test func selectorsAreThoseOfTheRecord() {
    let found = Dictionary(
      uniqueKeysWithValues: (EmethCore.ExtensionFunction.all + EmethVerifiers.functions).map {
        ($0.name, "\($0.selector)")
      })
    let recorded = [
      "requestWithSalt": "0x6caece9e", "requestSubJob": "0xe1358e8f", "setServer": "0xb8f5f8f8",
      "setContracts": "0xd8952a49", "setPaused": "0x16c38b3c", "setFuelCounts": "0xc5ab116f",
      "challengeSigner": "0xd295bfa3",
      "jobTerms": "0xdfaaeff6", "isMasked": "0xd6060e61",
      "redeemTickets": "0x62395d59",
      "ticketDigest": "0xb7bc3c27",
      "batchDigest": "0x39822aa0", "pool": "0x16f0115b", "totalDeposited": "0xff50abdc",
      "totalGranted": "0x3b919ba8", "postingCount": "0xc67fc595", "postings": "0x363bc427",
      "bondVerifier": "0x71ec2c38", "announceUnbonding": "0x6f36207a",
      "unbondVerifier": "0x9c004ff7", "commitSecrets": "0x744726db", "drawVerifier": "0x59ee27d8",
      "challenge": "0x76d2fdcf", "open": "0x91b933e0", "withhold": "0x6d16e8be",
      "expireVerification": "0x146d0ed5", "absent": "0xb369d13d", "openCohort": "0x8af2654a",
      "fixCohort": "0xd88834c2", "completeCohort": "0x7cc4ad38", "postRoundKey": "0xb762a6d5",
      "postMasked": "0xb8ac0a8c", "forfeitBond": "0xecce0dde",
    ]
    for (name, selector) in recorded { #expect(found[name] == selector, "\(name)") }
  }
}
