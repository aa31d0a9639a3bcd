import Testing

@testable import EmethKit

/// What a manifest says of noise and masking, and that it says nothing where there is none.
@Suite struct TrainingManifestPrivacyTests {
  private func manifest(
    privacy: TrainingManifest.Privacy? = nil, masks: Bool = false,
    initialWeights: TrainingManifest.InitialWeights = .seed
  ) throws -> TrainingManifest {
    try TrainingManifest(
      model: ModelShape(layers: 1, heads: 1, width: 8, context: 8, vocabularySize: 256),
      tokenizerHash: .zero, seed: .zero, batch: 1, initialWeights: initialWeights, stepsPerRound: 2,
      rounds: 2,
      segmentLength: 1, privacy: privacy, masksVocabulary: masks)
  }

  @Test func oldManifestsKeepTheirHash() throws {
    let plain = try manifest()
    #expect(!plain.canonicalJSON.contains("privacy") && !plain.canonicalJSON.contains("maskVocabulary"))
    let read = try TrainingManifest(json: plain.canonicalJSON)
    #expect(read.privacy == nil && !read.masksVocabulary && read == plain)
  }

  @Test func theTermsTravel() throws {
    let terms = try TrainingManifest.Privacy(
      clip: DecimalNumber("0.50"), noise: DecimalNumber("4"), delta: DecimalNumber("1e-7"))
    let noisy = try manifest(privacy: terms, masks: true)
    #expect(
      noisy.canonicalJSON.contains(#""maskVocabulary":true"#)
        && noisy.canonicalJSON.contains(#""privacy":{"clip":"0.5","delta":"0.0000001","noise":"4"}"#))
    let read = try TrainingManifest(json: noisy.canonicalJSON)
    #expect(read.privacy == terms && read.masksVocabulary)
    #expect(read.programHash == noisy.programHash)
    #expect(terms.clipBillionths == 500_000_000 && terms.noiseBillionths == 4_000_000_000)
    #expect(try manifest(privacy: terms).programHash != noisy.programHash)
  }

  @Test(arguments: [
    ("0", "1", "1e-6"), ("-1", "1", "1e-6"), ("0.0000001", "1", "1e-6"), ("1000001", "1", "1e-6"),
    ("0.1234567891", "1", "1e-6"), ("1", "0.0001", "1e-6"), ("1", "1001", "1e-6"), ("1", "0", "1e-6"),
    ("1", "1", "0"), ("1", "1", "0.2"), ("1", "1", "-1"), ("99999999999999999999", "1", "1e-6"),
  ])
  func termsOutsideTheLimitsAreRefused(clip: String, noise: String, delta: String) throws {
    let numbers = (try DecimalNumber(clip), try DecimalNumber(noise), try DecimalNumber(delta))
    #expect(throws: ProgramError.self) {
      _ = try TrainingManifest.Privacy(clip: numbers.0, noise: numbers.1, delta: numbers.2)
    }
  }

  @Test func aMaskIsForTrainingFromScratch() throws {
    #expect(throws: ProgramError.self) { _ = try manifest(masks: true, initialWeights: .model(.zero)) }
    let text = try manifest().canonicalJSON
    for broken in [
      #""privacy":{}"#, #""privacy":null"#, #""privacy":{"clip":1,"noise":"1","delta":"0.1"}"#,
      #""maskVocabulary":1"#, #""maskVocabulary":"true""#,
    ] {
      let json = text.dropLast() + "," + broken + "}"
      #expect(throws: ProgramError.self) { _ = try TrainingManifest(json: String(json)) }
    }
  }
}
