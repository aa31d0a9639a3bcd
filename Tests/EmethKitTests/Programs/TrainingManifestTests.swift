import EmethKit
import Testing

@Suite struct TrainingManifestTests {
  static func bytes(_ byte: UInt8) throws -> Bytes32 {
    try #require(Bytes32([UInt8](repeating: byte, count: 32)))
  }

  static func manifest(
    batch: UInt32 = 12, optimizer: TrainingManifest.Optimizer = .standard, warmupSteps: UInt32 = 0,
    minimumRatio: String = "0.1", initialWeights: TrainingManifest.InitialWeights = .seed,
    stepsPerRound: UInt32 = 50, rounds: UInt32 = 3, segmentLength: UInt32 = 15,
    outer: TrainingManifest.OuterOptimizer = .diloco, quantiserExponent: Int32 = 30
  ) throws -> TrainingManifest {
    try TrainingManifest(
      model: ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256),
      tokenizerHash: bytes(1), seed: bytes(2), batch: batch, optimizer: optimizer,
      schedule: .init(warmupSteps: warmupSteps, minimumRatio: DecimalNumber(minimumRatio)),
      initialWeights: initialWeights, stepsPerRound: stepsPerRound, rounds: rounds,
      segmentLength: segmentLength,
      outer: outer, quantiserExponent: quantiserExponent)
  }

  /// Text and hash made with another implementation (Python's json and hashlib).
  @Test func canonicalTextAndHash() throws {
    let manifest = try Self.manifest()
    #expect(
      manifest.canonicalJSON
        == #"{"batch":12,"carryMoments":false,"initialWeights":"seed","#
        + #""model":{"context":64,"heads":4,"layers":4,"#
        + #""vocabularySize":256,"width":128},"#
        + #""optimizer":{"beta1":"0.9","beta2":"0.95","epsilon":"0.00000001","#
        + #""gradientClip":"1","learningRate":"0.0006","weightDecay":"0.1"},"outer":{"eta":"0.7","mu":"0.9","#
        + #""preset":"diloco"},"profile":"reproducible","quantiserExponent":30,"rounds":3,"#
        + #""schedule":{"minimumRatio":"0.1","warmupSteps":0},"#
        + #""seed":"0x0202020202020202020202020202020202020202020202020202020202020202","#
        + #""segmentLength":15,"stepsPerRound":50,"#
        + #""tokenizerHash":"0x0101010101010101010101010101010101010101010101010101010101010101","#
        + #""version":1}"#
    )
    #expect(
      manifest.programHash.description == "0x3f9a92dd05949b433e0c520b5d0caedcb968b83c995c7fcad253304797938e96"
    )
  }

  @Test func readsBackFromAnyForm() throws {
    let seeded = try Self.manifest()
    let tuned = try Self.manifest(
      initialWeights: .model(Self.bytes(9)), outer: .average, quantiserExponent: -7)
    for manifest in [seeded, tuned] {
      #expect(try TrainingManifest(json: manifest.canonicalJSON) == manifest)
      #expect(try fromJSON(TrainingManifest.self, jsonText(manifest)) == manifest)
      #expect(try jsonText(manifest) == manifest.canonicalJSON)
    }
    #expect(try TrainingManifest(json: tuned.canonicalJSON).initialWeights == .model(Self.bytes(9)))
    #expect(try TrainingManifest(json: tuned.canonicalJSON).quantiserExponent == -7)
    // White space, order and forms of numbers don't matter; the hash is of the canonical text.
    let spaced = seeded.canonicalJSON.replacing(",", with: " ,\n ").replacing(
      #""batch":12"#, with: #""batch": 12"#)
    #expect(try TrainingManifest(json: spaced).programHash == seeded.programHash)
  }

  @Test func unknownFieldsAreKeptAndHashed() throws {
    let plain = try Self.manifest()
    let text = plain.canonicalJSON.replacing(
      #""version":1"#, with: #""version":1,"zeal":{"b":[1,null],"a":"x"}"#
    )
    .replacing(#""layers":4"#, with: #""layers":4,"dropout":"0""#)
    let later = try TrainingManifest(json: text)
    #expect(later.canonicalJSON.contains(#""zeal":{"a":"x","b":[1,null]}"#))
    #expect(later.canonicalJSON.contains(#""dropout":"0""#))
    #expect(later != plain)
    #expect(later.programHash != plain.programHash)
    #expect(later.model == plain.model)
    #expect(try fromJSON(TrainingManifest.self, jsonText(later)).programHash == later.programHash)
  }

  @Test func everyFieldIsNeeded() throws {
    let json = try JSONValue(parsing: Self.manifest().canonicalJSON)
    var removed = 0
    for member in try json.objectMembers() {
      let rest = try json.objectMembers().filter { $0.key != member.key }
      #expect(throws: ProgramError.malformed(field: member.key, cause: .jsonMissing(key: member.key))) {
        try TrainingManifest(json: JSONValue.object(rest).canonical)
      }
      removed += 1
      guard case .object(let inner) = member.value else { continue }
      for field in inner {
        let less = JSONValue.Member(member.key, .object(inner.filter { $0.key != field.key }))
        let path = "\(member.key).\(field.key)"
        #expect(throws: ProgramError.malformed(field: path, cause: .jsonMissing(key: field.key))) {
          try TrainingManifest(json: JSONValue.object(rest + [less]).canonical)
        }
        removed += 1
      }
    }
    #expect(removed == 15 + 5 + 6 + 2 + 3)
  }

  @Test(arguments: [
    (#""batch":12"#, #""batch":0"#, "batch"), (#""batch":12"#, #""batch":65537"#, "batch"),
    (#""batch":12"#, #""batch":"x""#, "batch"), (#""batch":12"#, #""batch":1.5"#, "batch"),
    (#""batch":12"#, #""batch":-1"#, "batch"), (#""version":1"#, #""version":2"#, "version"),
    (#""stepsPerRound":50"#, #""stepsPerRound":1000001"#, "stepsPerRound"),
    (#""stepsPerRound":50"#, #""stepsPerRound":14"#, "segmentLength"),
    (#""segmentLength":15"#, #""segmentLength":0"#, "segmentLength"),
    (#""rounds":3"#, #""rounds":0"#, "rounds"), (#""rounds":3"#, #""rounds":1000001"#, "rounds"),
    (#""quantiserExponent":30"#, #""quantiserExponent":127"#, "quantiserExponent"),
    (#""quantiserExponent":30"#, #""quantiserExponent":-127"#, "quantiserExponent"),
    (#""quantiserExponent":30"#, #""quantiserExponent":3.5"#, "quantiserExponent"),
    (#""warmupSteps":0"#, #""warmupSteps":151"#, "schedule.warmupSteps"),
    (#""minimumRatio":"0.1""#, #""minimumRatio":"1.01""#, "schedule.minimumRatio"),
    (#""minimumRatio":"0.1""#, #""minimumRatio":0.1"#, "schedule.minimumRatio"),
    (#""learningRate":"0.0006""#, #""learningRate":"0""#, "optimizer.learningRate"),
    (#""learningRate":"0.0006""#, #""learningRate":"1.1""#, "optimizer.learningRate"),
    (#""learningRate":"0.0006""#, #""learningRate":"nan""#, "optimizer.learningRate"),
    (#""beta1":"0.9""#, #""beta1":"1""#, "optimizer.beta1"),
    (#""beta2":"0.95""#, #""beta2":"-0.1""#, "optimizer.beta2"),
    (#""epsilon":"0.00000001""#, #""epsilon":"0""#, "optimizer.epsilon"),
    (#""weightDecay":"0.1""#, #""weightDecay":"2""#, "optimizer.weightDecay"),
    (#""gradientClip":"1""#, #""gradientClip":"0""#, "optimizer.gradientClip"),
    (#""eta":"0.7""#, #""eta":"0""#, "outer.eta"), (#""eta":"0.7""#, #""eta":"10.1""#, "outer.eta"),
    (#""mu":"0.9""#, #""mu":"1""#, "outer.mu"), (#""preset":"diloco""#, #""preset":"average""#, "outer.eta"),
    (#""preset":"diloco""#, #""preset":"adam""#, "outer.preset"),
    (#""profile":"reproducible""#, #""profile":"quick""#, "profile"),
    (#""initialWeights":"seed""#, #""initialWeights":"0x12""#, "initialWeights"),
    (#""carryMoments":false"#, #""carryMoments":0"#, "carryMoments"),
    (#""heads":4"#, #""heads":3"#, "model.heads"), (#""width":128"#, #""width":4294967296"#, "model.width"),
    (#""seed":"0x02"#, #""seed":"0x"#, "seed"), (#""layers":4"#, #""layers":4,"layers":4"#, "manifest"),
  ])
  func everyFieldHasItsLimits(found: String, put: String, field: String) throws {
    let good = try Self.manifest().canonicalJSON
    let text = good.replacing(found, with: put)
    #expect(text != good)
    do throws(ProgramError) {
      _ = try TrainingManifest(json: text)
      Issue.record("accepted \(put)")
    } catch {
      switch error {
      case .fieldOutOfRange(let name, _, _), .malformed(let name, _): #expect(name == field)
      case .unknownVersion: #expect(field == "version")
      default: Issue.record("\(error)")
      }
    }
  }

  @Test func hostileTextIsRefusedAndNotRead() {
    for text in [
      "", "[]", "null", "{", String(repeating: "[", count: 100_000), String(repeating: " ", count: 65_537),
      #"{"version":1e0}"#,
    ] {
      #expect(throws: ProgramError.self) { try TrainingManifest(json: text) }
    }
  }

  /// Read it can be, since jobs of earlier versions have such manifests; taken it is not.
  @Test func segmentsOfOneStepAreNotTaken() throws {
    let short = try Self.manifest(stepsPerRound: 50, segmentLength: 1)
    let read = try TrainingManifest(json: short.canonicalJSON)
    let error = #expect(throws: ProgramError.self) { try read.checkSegments() }
    #expect(error == .fieldOutOfRange(field: "segmentLength", found: "1", allowed: "2 to 50"))
    let wide = try Self.manifest(batch: 65_536, stepsPerRound: 65_535, segmentLength: 4_097)
    let tooMany = #expect(throws: ProgramError.self) { try wide.checkSegments() }
    #expect(tooMany == .fieldOutOfRange(field: "segmentLength", found: "4097", allowed: "2 to 4096"))
    let long = try Self.manifest(batch: 65_536, stepsPerRound: 65_536, segmentLength: 4_096)
    let tooLong = #expect(throws: ProgramError.self) { try long.checkSegments() }
    #expect(tooLong == .fieldOutOfRange(field: "stepsPerRound", found: "65536", allowed: "1 to 65535"))
    try Self.manifest(batch: 65_536, stepsPerRound: 65_535, segmentLength: 4_096).checkSegments()
    for (steps, length) in [(50, 2), (50, 50), (3, 2), (2, 2), (1, 1)] as [(UInt32, UInt32)] {
      try Self.manifest(stepsPerRound: steps, segmentLength: length).checkSegments()
    }
  }

  @Test func segmentsCoverTheSteps() throws {
    for steps in UInt32(1)...40 {
      for length in 1...steps {
        let manifest = try Self.manifest(stepsPerRound: steps, segmentLength: length)
        #expect(manifest.segmentCount == (steps + length - 1) / length)
        var next: UInt32 = 0
        for segment in 0..<manifest.segmentCount {
          let range = manifest.steps(ofSegment: segment)
          #expect(range.lowerBound == next)
          #expect(!range.isEmpty && range.count <= Int(length))
          next = range.upperBound
        }
        #expect(next == steps)
      }
    }
    let manifest = try Self.manifest()
    #expect(manifest.totalSteps == 150)
    #expect(manifest.tokensPerSubJob == 38_400)
    #expect(try FuelFormula.training(manifest) == Fuel(units: 208))
  }
}
