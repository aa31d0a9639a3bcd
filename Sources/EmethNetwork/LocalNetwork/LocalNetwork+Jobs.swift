import EmethCompute
import EmethKit
import Foundation

extension LocalNetwork {
  /// Gives a data set to the Splitter, for a job to come; returns its hash, by which the request names it.
  @discardableResult
  public func keep(dataSet: Data) throws(NetworkError) -> Bytes32 {
    // What is there already must not be deleted by who served the folder.
    try changeJobs { _ in }
    return try splitterStore.put(dataSet)
  }

  /// Stores the files of a model for a text generation to come.
  public func keep(model: ModelReference, from folder: URL) throws(NetworkError) {
    for name in model.files.keys { try store.put(try Files.read(folder.appending(path: name))) }
  }

  /// Keeps a copy of a tokenizer, so that the job does not depend on the folder it came from; returns its
  /// name inside the network folder.
  public func keep(_ tokenizer: any Tokenizer) throws(NetworkError) -> String {
    let name = Self.place(of: tokenizer)
    let target = folder.appending(path: name)
    if !FileManager.default.fileExists(atPath: target.path) {
      let temporary = folder.appending(path: "tokenizers/.\(UUID().uuidString)")
      try Files.makeFolder(temporary)
      try asNetworkError {
        try tokenizer.write(to: temporary)
        try FileManager.default.moveItem(at: temporary, to: target)
      }
    }
    return name
  }

  /// Where a network keeps a tokenizer, inside its folder.
  public static func place(of tokenizer: any Tokenizer) -> String { place(ofTokenizer: tokenizer.hash) }

  /// The same of the tokenizer with a hash.
  static func place(ofTokenizer hash: [UInt8]) -> String {
    "tokenizers/\(Hex.encode(hash, prefixed: false).prefix(16))"
  }

  /// The id that a request gets from `requester` as its job number `number`, counted from 0.
  static func jobID(of request: JobRequest, requester: Address, number: Int = 0) -> JobID {
    let salt = SHA256.hash(
      Array("emeth job salt".utf8) + request.programHash.bytes + request.dataSet.bytes
        + request.parallel.bigEndianBytes + UInt64(number).bigEndianBytes)
    return JobID(requester: requester, salt: salt)
  }

  /// Registers a training job: ``submit(_:once:)-(JobRequest,_)``.
  @discardableResult
  public func submit(_ request: TrainingRequest, once: Bool = false) throws(NetworkError) -> JobID {
    try submit(.training(request), once: once)
  }

  /// Registers a job of this network's requester, who is granted what the escrow takes.
  ///
  /// The same request twice makes two jobs, unless `once` is set: then a job that exists is returned.
  ///
  /// - Throws: ``NetworkError/folderInUse(path:holder:)`` while the folder is served.
  @discardableResult
  public func submit(_ request: JobRequest, once: Bool = false) throws(NetworkError) -> JobID {
    let requester = keys.requester.address
    let cost = try JobCost(request)
    return try changeJobs { db in
      let count = once ? 0 : try Int.fetchOne(db, sql: "SELECT count(*) FROM job") ?? 0
      let id = Self.jobID(of: request, requester: requester, number: count)
      if once, try JobStore.exists(id, in: db) { return id }
      if case .training(let training) = request { try training.manifest.checkSegments() }
      let now = try tick(in: db)
      let job = try Job(
        id: id, requester: requester, programID: request.program, numParallel: request.parallel,
        numEpoch: request.rounds, dataset: "\(request.dataSet)",
        parameters: request.parameters,
        fuelLimit: cost.fuelLimit, fuelPrice: request.fuelPrice, requestedAt: now,
        deadline: now + request.timeLimitSeconds, terms: cost.terms)
      try grant(requester, upTo: max(job.terms.escrow, TokenAmount(emeth: "1")), at: now, in: db)
      let machine = try ParentMachine(
        request: job, by: requester, idIsUnused: !JobStore.exists(id, in: db),
        fundsAvailable: Ledger.balance(of: requester, pot: .unspent, in: db))
      try ExecutionLayer.register(JobRecord(machine: machine, request: request), at: now, in: db)
      return id
    }
  }

  /// Takes a job back that no node has begun; the whole escrow returns.
  public func cancel(_ id: JobID) throws(NetworkError) {
    try changeJobs { db in
      var record = try JobStore.job(id, in: db)
      guard !record.status.isFinal else {
        throw NetworkError.jobEnded(id: id, status: record.status, reason: record.reason)
      }
      try ExecutionLayer.apply(.cancel(by: record.job.requester), to: &record, at: try tick(in: db), in: db)
      try signer.closeEpoch(at: try tick(in: db), in: db)
    }
  }

  /// All jobs, oldest first.
  public func jobs() throws(NetworkError) -> [JobSummary] {
    try database.read { db in try JobStore.jobs(in: db).map(JobSummary.init) }
  }

  /// One job.
  public func job(_ id: JobID) throws(NetworkError) -> JobSummary {
    try database.read { db in JobSummary(try JobStore.job(id, in: db)) }
  }

  /// The oldest job that has not ended.
  public func nextJob() throws(NetworkError) -> JobID? {
    try jobs().first { !$0.status.isFinal }?.jobId
  }
}
