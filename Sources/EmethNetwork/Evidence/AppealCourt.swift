import EmethKit

/// Finds where a rejected node and the replay of its segment part, by two bisections: over the steps of the
/// segment, then over the operators of one step (PROTOCOL 7).
struct AppealCourt {
  let submission: SignedSubmission
  let domain: EIP712Domain
  /// What a verifier computes of the segment; operators are taken down for one step.
  let verifier: (_ operatorsOf: Int?) throws(NetworkError) -> SegmentTrace

  /// Hears the node: it signs a list before it answers from it.
  ///
  /// - Parameters:
  ///   - first: the segment's first step.
  ///   - node: what the node computed of the segment.
  ///   - sign: the node's signature under a list.
  func hear(
    segment: Int, firstStep first: Int,
    node: (_ operatorsOf: Int?) throws(NetworkError) -> SegmentTrace,
    sign: (BisectionClaim) -> SignedBisectionClaim
  ) throws(NetworkError) -> (appeal: Appeal, divergence: Divergence) {
    func claim(_ level: BisectionClaim.Level, step: Int, _ list: [Bytes32]) -> SignedBisectionClaim {
      sign(
        BisectionClaim(
          submission: submission.digest, segment: UInt32(segment), level: level, step: UInt32(step),
          entries: UInt32(list.count), root: BisectionList(list).root))
    }
    let steps = try node(nil).steps
    let stepClaim = claim(.steps, step: first, steps)
    let step = try first + search(steps, try verifier(nil).steps) - 1
    let operators = try node(step)
    let appeal = Appeal(
      segment: segment, stepClaim: stepClaim, steps: steps, step: step,
      operatorClaim: operators.chain.isEmpty ? nil : claim(.operators, step: step, operators.chain),
      operators: operators.chain)
    return (appeal, try divergence(in: appeal, first: first))
  }

  /// Goes over a node's account again; the node's signatures bind it to what it said.
  func check(_ appeal: Appeal) throws(NetworkError) -> Divergence {
    let first = Int(appeal.stepClaim.content.step)
    try check(appeal.stepClaim, .steps, of: appeal, step: first, appeal.steps)
    if let claim = appeal.operatorClaim {
      try check(claim, .operators, of: appeal, step: appeal.step, appeal.operators)
    }
    let step = try first + search(appeal.steps, try verifier(nil).steps) - 1
    guard step == appeal.step else {
      throw .malformed(
        what: "the node's account", reason: "it names step \(appeal.step), the lists part at step \(step)")
    }
    return try divergence(in: appeal, first: first)
  }

  private func check(
    _ signed: SignedBisectionClaim, _ level: BisectionClaim.Level, of appeal: Appeal, step: Int,
    _ list: [Bytes32]
  ) throws(NetworkError) {
    try asNetworkError { try signed.check(signer: submission.submission.node, in: domain) }
    let claim = signed.content
    guard claim.submission == submission.digest, Int(claim.segment) == appeal.segment, claim.level == level,
      Int(claim.step) == step, Int(claim.entries) == list.count, !list.isEmpty,
      BisectionList(list).root == claim.root
    else { throw .malformed(what: "the node's account", reason: "a list is not the one that it signed") }
  }

  private func divergence(in appeal: Appeal, first: Int) throws(NetworkError) -> Divergence {
    let own = try verifier(appeal.step)
    var name = "which the node did not compute"
    if !appeal.operators.isEmpty {
      // Both lists end in the state after the step.
      let place = try search(appeal.operators, own.chain)
      name =
        own.operators.indices.contains(place - 1)
        ? own.operators[place - 1] : "what was written to the state behind its last operator"
    }
    return Divergence(segment: appeal.segment, step: appeal.step, operator: name)
  }

  /// The first entry, counted from 1, on which two lists differ.
  private func search(_ node: [Bytes32], _ verifier: [Bytes32]) throws(NetworkError) -> Int {
    guard node.count == verifier.count, let last = node.last, let own = verifier.last else {
      throw .malformed(
        what: "the node's account", reason: "it has \(node.count) entries, the replay \(verifier.count)")
    }
    let parties = [Bisection.Party.node: BisectionList(node), .verifier: BisectionList(verifier)]
    return try asNetworkError {
      var search = try Bisection(
        entries: UInt32(node.count), node: last, verifier: own, answerSeconds: 600, at: 0)
      while true {
        let request = search.request
        for (party, list) in parties {
          if let answer = list.event(request, as: party) { try search.apply(answer, at: 0) }
          if case .found(let entry) = search.outcome { return Int(entry) }
        }
        if let outcome = search.outcome {
          throw NetworkError.malformed(what: "the node's account", reason: "the search ended as \(outcome)")
        }
      }
    }
  }
}
