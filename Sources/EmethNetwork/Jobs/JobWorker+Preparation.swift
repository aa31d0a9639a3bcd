import EmethCompute
import EmethKit
import Foundation

/// Before the first round: the divided data set, the first model, the bonds.
extension JobWorker {
  /// So often a job is begun to be prepared whose process ended meanwhile: it may be what the process ended of.
  static let preparationLimit = 5

  /// Prepares a job, where time passes by itself only while there is memory for it, and not again and again where that
  /// ends the process.
  func prepareInMemory() async throws(NetworkError) {
    guard network.isLive, try job().progress.plan == nil else { return try await prepare() }
    let need = PreparationMemory(request, dataSetBytes: try network.byteCount(ofDataSet: request.dataSet))
    try network.takeRoom(need.byteCount, for: id)
    defer { network.giveRoom(of: id) }
    let begun = try note { ($0 ?? 0) + 1 }
    guard begun <= Self.preparationLimit else {
      throw .refused(
        code: "job.notPreparable",
        message:
          "dividing its data set was begun \(Self.preparationLimit) times, and the server ended meanwhile each time",
        hint: "give it in again with a smaller data set or model")
    }
    do throws(NetworkError) {
      try await prepare()
    } catch {
      // The process is still there.
      _ = try note { $0.flatMap { $0 > 1 ? $0 - 1 : nil } }
      throw error
    }
  }

  /// Notes how often it was begun; returns it.
  private func note(_ change: (Int?) -> Int?) throws(NetworkError) -> Int {
    // It must outlive the process, not a power failure.
    try database.writeHastily { db in
      var record = try JobStore.job(id, in: db)
      guard !record.status.isFinal else { return 0 }
      record.progress.preparations = change(record.progress.preparations)
      try JobStore.update(record, in: db)
      return record.progress.preparations ?? 0
    }
  }

  /// Divides the data set, makes the first model, posts bonds. Done once.
  func prepare() async throws(NetworkError) {
    guard case .training(let training) = request else { return try divideRecords() }
    let manifest = training.manifest
    var record = try job()
    if record.progress.plan == nil {
      let tokenizer = try network.tokenizer(of: training)
      let dataSet = try masked(
        DataSet(
          name: request.dataSetName, bytes: network.dataSet(request.dataSet), tokenizer: tokenizer,
          context: Int(manifest.model.context)))
      let splitter = network.splitter
      let division = try splitter.divide(dataSet, job: id, parts: request.parallel)
      record.progress.plan = try committed(division.plan, by: splitter)
      let held = network.stores(for: id, .job)
      for (index, part) in division.parts.enumerated() {
        record.progress.parts.append(
          try held.objects.put(try splitter.payload(of: part, job: id, index: UInt32(index))))
      }
      record.progress.validation = try held.splitter.put(division.validation.bytes)
      try network.keep(leaves: division.leaves, of: id)

      let state = try startingState()
      record.progress.rounds = [
        RoundRecord(
          round: 0,
          startingParameters: try network.stores(for: id, .round(0)).objects.put(state.parameterBytes()),
          initRoot: try state.rootHash(on: device()),
          exponents: try limited(
            Array(repeating: manifest.quantiserExponent, count: state.layout.tensors.count)),
          velocity: nil,
          beganAt: 0)
      ]
      record.progress.initialLoss = try validationLoss(of: state, records: division.validation)
      try database.write { db in
        let now = try network.tick(in: db)
        record.progress.rounds[0].beganAt = now
        // Dividing takes a while, and others may have changed the job meanwhile.
        var current = try JobStore.job(id, in: db)
        guard !current.status.isFinal else { return }
        current.progress = record.progress
        try parties.lockBonds(at: now, in: db)
        try JobStore.update(current, in: db)
      }
      if try job().status.isFinal { return }
    }
    if let plan = record.progress.plan, let loss = record.progress.initialLoss {
      progress(
        .divided(
          records: plan.recordCount, parts: request.parallel, rounds: manifest.rounds,
          steps: manifest.stepsPerRound,
          initialLoss: loss))
    }
  }

  /// The state that round 0 begins with.
  func startingState() throws(NetworkError) -> TrainingState {
    let request = try request.training
    let manifest = request.manifest
    let state: TrainingState
    do throws(ComputeError) {
      state = try TrainingState(configuration: ModelConfiguration(manifest.model))
      if request.initialParameters == nil { try state.initializeWeights(seed: manifest.seed.bytes) }
    } catch {
      throw .compute(error)
    }
    if let parameters = request.initialParameters { try state.loadParameters(try store.get(parameters)) }
    return state
  }

  /// A verifier's bond: at least ten times the fee of one verification.
  var bond: TokenAmount {
    get throws { TokenAmount(holon: try cost.subJobTerms.verifierFee.holon.multiplying(by: 10)) }
  }
}
