import EmethKit
import Foundation
import Testing

@Suite struct AggregationMessageTests {
  private var scene: AggregationScene
  private let secrets: [RoundSecret]
  private let roster: Roster

  init() throws {
    scene = AggregationScene(nodes: 3, coordinates: 20)
    secrets = scene.secrets()
    roster = try scene.roster(secrets)
  }

  private func messages() throws -> [CohortMessage] {
    let (node, plan) = (scene.nodes[0], try scene.plan(attempt: 0))
    let key = RoundKey(of: plan, seat: node.seat, roundKey: secrets[0].publicKey)
    let masked = Masked(
      jobID: node.seat.jobID, round: 4, attempt: 0, rosterHash: roster.hash, maskedRoot: .zero)
    let share = try SumShare(
      jobID: node.seat.jobID, round: 4, beacon: .zero, value: SumProjection.modulus - 1)
    return [
      .form(plan, deadline: 1_700_000_000),
      .roundKey(SignedRoundKey(signing: key, in: .embedded, with: node.key)),
      .offer(roster, deadline: .max),
      .masked(SignedMasked(signing: masked, in: .embedded, with: node.key)),
      .cohortSum(
        SignedCohortSum(
          signing: CohortSum(roster: roster, maskedRoots: [.zero], sumRoot: .zero), in: .embedded,
          with: node.key)),
      .sumShare(SignedSumShare(signing: share, in: .embedded, with: node.key)),
      .opening(RoundOpening(jobID: node.seat.jobID, round: 4, attempt: 0, roundSecret: .zero)),
      .maskedFault(
        SignedMaskedFault(
          signing: MaskedFault(of: masked, expectedRoot: roster.hash), in: .embedded, with: node.key)),
    ]
  }

  @Test func messagesAreReadAsTheyWereWritten() throws {
    for message in try messages() {
      let text = try jsonText(message)
      #expect(try fromJSON(CohortMessage.self, text) == message)
      // Numbers are read in both forms, unknown members are left out.
      let other =
        text.replacing(#""round":4"#, with: #""round":"4""#)
        .replacing(#""coordinates":"20""#, with: #""coordinates":20"#)
        .replacing(#""value":"2305843009213693950""#, with: #""value":2305843009213693950"#)
        .dropLast() + #","later":{"a":[1]}}"#
      #expect(try fromJSON(CohortMessage.self, String(other)) == message)
    }
    let plan = try jsonText(scene.plan())
    #expect(plan.contains(#""coordinates":"20""#) && plan.contains(#""cohortAttempt":0"#))
    let seat = try jsonText(scene.nodes[0].seat)
    #expect(seat.contains(#""jobId":"0x"#) && seat.contains("\(scene.nodes[0].seat.node)"))
  }

  @Test func everyByteMatters() throws {
    var random = SeededGenerator()
    for message in try messages() {
      let text = Array(try jsonText(message).utf8)
      for _ in 0..<scaled(60) {
        var changed = text
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
          changed[Int.random(in: 0..<changed.count, using: &random)] ^=
            1 << UInt8.random(in: 0..<7, using: &random)
        case 1: changed.removeLast(Int.random(in: 1...changed.count, using: &random))
        default: changed.remove(at: Int.random(in: 0..<changed.count, using: &random))
        }
        // Refused, or read as something that can be written and read again.
        guard let read = try? JSONDecoder().decode(CohortMessage.self, from: Data(changed)) else { continue }
        #expect(try fromJSON(CohortMessage.self, jsonText(read)) == read)
      }
    }
  }

  @Test func hostileMessagesAreRefused() throws {
    let plan = try jsonText(scene.plan())
    let rosterText = try jsonText(roster)
    let wideRound = rosterText.replacing(#""round":4"#, with: #""round":4294967296"#)
    let nullEntry = rosterText.replacing(#""entries":["#, with: #""entries":[null,"#)
    let seat = try jsonText(scene.nodes[0].seat)
    let seats = [String](repeating: seat, count: 100_000).joined(separator: ",")
    let hostile = [
      "{}", "[]", "null", #"{"form":1}"#, #"{"unknown":{}}"#,
      #"{"form":{"plan":\#(plan),"deadline":1},"offer":{"roster":\#(rosterText),"deadline":1}}"#,
      #"{"form":{"plan":\#(plan),"deadline":-1}}"#, #"{"form":{"plan":\#(plan),"deadline":1e30}}"#,
      #"{"form":{"plan":\#(plan)}}"#,
      #"{"offer":{"roster":\#(wideRound),"deadline":1}}"#,
      #"{"form":{"deadline":1,"plan":{"cohort":[\#(seats)]}}}"#,
      #"{"form":{"deadline":1,"plan":{"cohort":[\#(seat),\#(seat)]}}}"#,
      #"{"form":{"deadline":1,"plan":{"cohort":[]}}}"#,
      #"{"offer":{"deadline":1,"roster":{"entries":5}}}"#,
      #"{"offer":{"deadline":1,"roster":\#(nullEntry)}}"#,
      String(repeating: #"{"opening":"#, count: 10_000),
    ]
    for text in hostile {
      #expect(throws: DecodingError.self, "\(text.prefix(90))") { try fromJSON(CohortMessage.self, text) }
    }
    for coordinates in ["0", "\(CohortPlan.maximumCoordinates + 1)", "18446744073709551615"] {
      let text = plan.replacing(#""coordinates":"20""#, with: #""coordinates":"\#(coordinates)""#)
      #expect(throws: DecodingError.self) { try fromJSON(CohortPlan.self, text) }
    }
    let share = #"{"jobId":"\#(AggregationScene.parent)","round":1,"beacon":"\#(Bytes32.zero)","value":"#
    #expect(throws: Never.self) { try fromJSON(SumShare.self, share + #""2305843009213693950"}"#) }
    for value in ["2305843009213693951", "18446744073709551616", "-1"] {
      #expect(throws: DecodingError.self) { try fromJSON(SumShare.self, share + #""\#(value)"}"#) }
    }
  }

  @Test func rostersHaveOneForm() throws {
    #expect(roster.canonicalBytes.count == 300)
    #expect(roster.index(of: scene.nodes[2].seat.jobID) == 2)
    let entries = roster.entries
    func made(_ entries: [RosterEntry]) throws -> Roster {
      try Roster(
        programHash: roster.programHash, initRoot: roster.initRoot, round: 4, attempt: 0, entries: entries)
    }
    #expect(throws: AggregationError.rosterOrder(index: 1)) {
      try made([entries[1], entries[0], entries[2]])
    }
    #expect(throws: AggregationError.rosterOrder(index: 2)) {
      try made([entries[0], entries[1], entries[1]])
    }
    #expect(throws: AggregationError.cohortSize(found: 0, allowed: 1...16)) { try made([]) }
    let copied = RosterEntry(
      jobID: entries[2].jobID, node: entries[2].node, resultRoot: .zero, roundKey: entries[0].roundKey,
      signature: entries[2].signature)
    #expect(throws: AggregationError.roundKeyReused(entries[2].jobID)) {
      try made([entries[0], entries[1], copied])
    }
    var keys = try scene.keys(secrets, of: scene.plan())
    keys[entries[1].jobID] = nil
    #expect(throws: AggregationError.keyMissing(entries[1].jobID)) {
      try Roster(plan: scene.plan(), keys: keys)
    }
  }

  /// eth-account hashes what this library signs.
  @Test(.enabled(if: PythonOracle.isAvailable, PythonOracle.reason))
  func anotherImplementationHashesTheSame() throws {
    func document<Content: SignableContent>(_ signed: Signed<Content>) throws -> String {
      let text = Content.eip712Type
      let name = text.prefix { $0 != "(" }
      let fields = text.dropFirst(name.count + 1).dropLast().split(separator: ",").map { field in
        let words = field.split(separator: " ")
        return #"{"name":"\#(words[1])","type":"\#(words[0])"}"#
      }
      let domain = ["name:string", "version:string", "chainId:uint256", "verifyingContract:address"].map {
        let words = $0.split(separator: ":")
        return #"{"name":"\#(words[0])","type":"\#(words[1])"}"#
      }
      let domainType = domain.joined(separator: ",")
      let types = #""EIP712Domain":[\#(domainType)],"\#(name)":[\#(fields.joined(separator: ","))]"#
      let values = #""domain":\#(try jsonText(signed.domain)),"message":\#(try jsonText(signed.content))"#
      return #"{"types":{\#(types)},"primaryType":"\#(name)",\#(values)}"# + "\n"
    }
    var input = ""
    var expected: [String] = []
    func add<Content: SignableContent>(_ signed: Signed<Content>) throws {
      input += try document(signed)
      expected.append("\(signed.digest)")
    }
    for message in try messages() {
      switch message {
      case .roundKey(let signed): try add(signed)
      case .masked(let signed): try add(signed)
      case .cohortSum(let signed): try add(signed)
      case .sumShare(let signed): try add(signed)
      case .maskedFault(let signed): try add(signed)
      case .form, .offer, .opening: continue
      }
    }
    let answers = try PythonOracle.run("typed_data_oracle", input: input)
    #expect(answers.split(separator: "\n").map(String.init) == expected)
    #expect(expected.count == 5)
  }
}
