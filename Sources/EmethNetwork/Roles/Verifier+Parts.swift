import EmethKit
import Foundation

/// A verifier's work on a part that was computed in one piece: it computes the part again and compares.
extension Verifier {
  /// Judges a submission from an opening that is sealed to this verifier.
  ///
  /// Blocks while it computes: not for the cooperative pool.
  ///
  /// - Parameter bench: what text is generated with.
  func examinePart(
    _ question: Question, delivered: Data, program: ComputedProgram, sandbox: ModuleSandbox?,
    bench: GenerationBench? = nil, stop: StopFlag
  ) throws(NetworkError) -> Examination {
    var (finding, computed): (Finding?, Computed?) = (nil, nil)
    let sealed = try? JSONDecoder().decode(SealedOpening.self, from: delivered)
    if fault != .stampingVerifier {
      (finding, computed) = try compute(question, sealed, program, sandbox, bench, stop)
    }
    if fault == .rejectingVerifier { finding = Finding(.result, "the output is another one") }
    if let output = computed?.outcome.output, finding == nil {
      try keep(output, salts: [], of: question.facts.subJob)
    }
    // Who has computed nothing makes it up.
    let proof =
      computed.map { $0.commitment.proof(of: $0.outcome, seed: question.seed) }
      ?? SHA256.hash(Array("a stamp".utf8) + question.seed.bytes)
    let evidence = finding.map {
      SHA256.hash(Array($0.text.utf8) + (sealed?.statement.digest ?? question.submission.digest).bytes)
    }
    func signed(accepted: Bool) -> SignedVerdict {
      SignedVerdict(
        signing: Verdict(
          jobID: question.facts.subJob, submission: question.submission.digest, verifier: address,
          accepted: accepted, seed: question.seed, step: 0, stepRoot: proof,
          evidence: accepted ? .zero : evidence ?? question.seed), in: domain, with: key)
    }
    let accepted = finding == nil
    return Examination(
      judgement: Judgement(
        verdict: signed(accepted: accepted),
        finding: finding?.text
          ?? (computed?.outcome.refusal.map { "computed again, the module says no to it: \($0)" }
            ?? "computed again to the same output"),
        mismatch: finding, segments: question.segments),
      evidence: nil, contradiction: fault == .twoVerdicts ? signed(accepted: !accepted) : nil,
      opening: Data(), statement: sealed?.statement)
  }

  /// What came of a part here.
  private struct Computed {
    var outcome: PartOutcome
    var commitment: OutputCommitment
  }

  /// What is wrong with a submission, and what came of the part here.
  private func compute(
    _ question: Question, _ sealed: SealedOpening?, _ program: ComputedProgram, _ sandbox: ModuleSandbox?,
    _ bench: GenerationBench?, _ stop: StopFlag
  ) throws(NetworkError) -> (Finding?, Computed?) {
    let facts = question.facts
    let manifest = try ComputedManifest(json: facts.manifest)
    let submission = question.submission.submission
    let expected = Submission(
      jobID: facts.subJob, round: facts.position.round, node: facts.node, programHash: manifest.hash,
      dataRoot: facts.dataRoot, initRoot: .zero, traceRoot: .zero, finalRoot: .zero,
      resultRoot: submission.resultRoot, segments: 1,
      // A text's is known once it is generated again.
      fuelUsed: manifest.generation == nil ? facts.fuel.units : submission.fuelUsed)
    guard submission == expected, submission.fuelUsed <= facts.fuel.units,
      question.submission.domain == domain,
      (try? question.submission.check(signer: facts.node)) != nil
    else { return (Finding(.submission, "the submission is not of this SubJob, program, data or fuel"), nil) }
    guard let sealed, let (opening, bytes) = try read(sealed, question) else {
      return (Finding(.withheld, "the part can't be read from what the node opened"), nil)
    }
    let part = try? DataSetPart(
      bytes: bytes, kind: manifest.records, firstRecord: opening.firstRecord, secret: opening.partSecret)
    guard let part, part.root == facts.dataRoot, part.recordCount == UInt64(facts.sequenceCount) else {
      return (Finding(.opening, "the opened part does not have the root of the data"), nil)
    }
    let commitment = OutputCommitment(partSecret: opening.partSecret, subJob: facts.subJob)
    // That this machine did not get to the end of it says nothing against an output: no verdict follows. Where the node says
    // that there is none, a module that uses up its time here too says the same.
    let outcome = try program.outcome(
      of: bytes, subJob: facts.subJob, parameters: manifest.parameters, sandbox: sandbox,
      generator: manifest.generator(on: bench), limitsCount: submission.resultRoot == commitment.refusalRoot,
      stop: stop)
    let computed = Computed(outcome: outcome, commitment: commitment)
    let root = commitment.root(of: outcome)
    guard root == submission.resultRoot else {
      let found =
        outcome.refusal.map { "there is no output: \($0)" }
        ?? "the output has root \(root), the node's is \(submission.resultRoot)"
      return (Finding(.result, "computed again, \(found)", replayedRoot: root), computed)
    }
    let fuel = try manifest.fuel(of: outcome, limit: facts.fuel)
    guard submission.fuelUsed == fuel.units else {
      let found = "the texts are \(fuel.units) fuel, the node says \(submission.fuelUsed)"
      return (Finding(.submission, found), computed)
    }
    return (nil, computed)
  }

  /// What the node opened; nil when it is not there, or is not what the node signed.
  private func read(
    _ sealed: SealedOpening, _ question: Question
  ) throws(NetworkError) -> (PartOpening, Data)? {
    let identity = key.sealingIdentity()
    let document = try NetworkError.delivered { () throws(NetworkError) in
      try opened.get(opened.open(sealed.document, from: store, with: identity))
    }
    let statement = sealed.statement
    guard let document, let opening = try? JSONDecoder().decode(PartOpening.self, from: document),
      statement.domain == domain, (try? statement.check(signer: question.facts.node)) != nil,
      statement.content.jobID == question.facts.subJob,
      statement.content.submission == question.submission.digest,
      statement.content.seed == question.seed,
      statement.content.contentHash == document.withUnsafeBytes({ SHA256.hash($0) }),
      opening.submission == question.submission.digest, opening.seed == question.seed,
      sealed.states.count == 1, sealed.states[0].state == opening.part
    else { return nil }
    let bytes = try NetworkError.delivered { () throws(NetworkError) in
      try opened.get(opened.open(sealed.states[0].sealed, from: store, with: identity))
    }
    guard let bytes, bytes.withUnsafeBytes({ SHA256.hash($0) }) == opening.part else { return nil }
    return (opening, bytes)
  }
}
