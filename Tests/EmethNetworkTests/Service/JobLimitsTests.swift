import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a server does not begin, since it would not get to the end of it.
@Suite(.timeLimit(.minutes(5))) struct JobLimitsTests {
  private static let text = "1\n2\n3\n4\n"

  /// A service that drives nothing.
  private func service(
    in folder: TemporaryFolder, _ change: (inout ServiceSettings) -> Void = { _ in }
  ) throws -> NetworkService {
    var settings = try ServiceScene.settings()
    change(&settings)
    return try NetworkService(folder: folder.url, settings: settings)
  }

  private func mean(_ service: NetworkService, records: UInt64 = 4) throws -> JobID {
    let dataSet = try service.give(Data(Self.text.utf8), by: ServiceScene.requester.address)
    let request = ComputedRequest(
      manifest: try ComputedManifest(.meanOfNumbers, recordCount: records), dataSetName: "numbers",
      dataSet: dataSet, parallel: 2, fuelPrice: FuelPrice(gholon: 120), ruleSet: "standard",
      timeLimitSeconds: 3_600, retry: .standard)
    return try service.submit(
      JobSubmission(salt: TestNetwork.seed(records), computed: request), by: ServiceScene.requester.address)
  }

  private func training(
    _ service: NetworkService, check: SegmentCheck? = nil, salt: UInt64 = 0, segment: UInt32 = 2
  ) throws -> JobID {
    let dataSet = try service.give(Data(TestNetwork.text().utf8), by: ServiceScene.requester.address)
    return try service.submit(
      JobSubmission(
        salt: TestNetwork.seed(salt), manifest: try TestNetwork.manifest(steps: 8, segment: segment),
        dataSetName: "sentences", dataSet: dataSet, parallel: 3, fuelPrice: FuelPrice(gholon: 120),
        timeLimitSeconds: 3_600, check: check), by: ServiceScene.requester.address)
  }

  @Test func moreRecordsThanAreKeptAreRefused() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder) { $0.maximumRecords = 3 }
    let error = #expect(throws: NetworkError.self) { try mean(service) }
    #expect(
      error == .badSetting(name: "records of the data set", found: "up to 4", allowed: "at most 3"))
    _ = try mean(service, records: 3)
  }

  /// Both ends of such a segment are opened, so that a verdict on it shows nothing.
  @Test func segmentsOfOneStepAreRefused() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder)
    let error = #expect(throws: NetworkError.self) { try training(service, segment: 1) }
    #expect(error?.message.contains("segmentLength") == true && error?.message.contains("2 to 8") == true)
    let network = try LocalNetwork(
      folder: folder.url.appending(path: "local"), seed: TestNetwork.seed(),
      settings: NetworkSettings(nodes: 3))
    let request = try TestNetwork.request(network, manifest: TestNetwork.manifest(steps: 8, segment: 1))
    let local = #expect(throws: NetworkError.self) { try network.submit(request) }
    #expect(local?.message.contains("segmentLength") == true)
    _ = try training(service)
  }

  /// A part is as small as a byte, a model as large as two billion parameters: both are counted before they are made.
  @Test func whatTheMemoryDoesNotHoldIsRefused() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder) { $0.preparationBytes = 1_000 }
    _ = try mean(service)
    let error = #expect(throws: NetworkError.self) { try training(service) }
    #expect(error?.code == "job.needsMemory" && error?.message.contains("there are 1000") == true)
    let manifest = try TestNetwork.manifest(steps: 8, segment: 2)
    let request = TrainingRequest(
      manifest: manifest, dataSetName: "sentences", dataSet: .zero, tokenizer: nil, initialParameters: nil,
      parallel: 3, fuelPrice: FuelPrice(gholon: 120), ruleSet: "standard", timeLimitSeconds: 3_600,
      retry: .standard, check: nil)
    let small = PreparationMemory(.training(request), dataSetBytes: 1_000)
    let large = PreparationMemory(.training(request), dataSetBytes: 1 << 30)
    #expect(small.byteCount > 16 * manifest.model.parameterCount)
    #expect(large.byteCount > 10 << 30 && large.recordCount > (1 << 30) / UInt64(manifest.model.context))
    #expect(PreparationMemory(.training(request), dataSetBytes: .max).byteCount == .max)
  }

  /// What one job takes of the memory another one waits for.
  @Test func preparationsShareTheMemory() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder) { $0.preparationBytes = 1_000 }
    let jobs = (0..<3).map { JobID(requester: ServiceScene.requester.address, salt: TestNetwork.seed($0)) }
    try service.takeRoom(600, for: jobs[0])
    try service.takeRoom(400, for: jobs[1])
    let error = #expect(throws: NetworkError.self) { try service.takeRoom(1, for: jobs[2]) }
    #expect(error?.code == "compute.insufficientMemory")
    service.giveRoom(of: jobs[1])
    try service.takeRoom(400, for: jobs[2])
  }

  /// A job that the process ends of is not begun for ever: its requester has the money back.
  @Test func aJobThatEndsTheProcessIsGivenBack() async throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder)
    func begun(_ job: JobID, _ count: Int) throws -> JobWorker {
      try service.database.write { db in
        var record = try JobStore.job(job, in: db)
        record.progress.preparations = count
        try JobStore.update(record, in: db)
      }
      return try JobWorker(network: service, job: job, threads: 1, stop: StopFlag(), progress: { _ in })
    }
    let money = try service.balances(of: ServiceScene.requester.address)
    let hopeless = try mean(service)
    try await begun(hopeless, JobWorker.preparationLimit).run()
    let ended = try service.database.read { db in try JobStore.job(hopeless, in: db) }
    #expect(ended.status == .canceled && ended.reason.contains("begun 5 times"), "\(ended.reason)")
    #expect(ended.progress.plan == nil)
    #expect(try service.balances(of: ServiceScene.requester.address) == money)
    // One time more is possible.
    let possible = try training(service)
    try await begun(possible, JobWorker.preparationLimit - 1).prepareInMemory()
    let divided = try service.database.read { db in try JobStore.job(possible, in: db) }
    #expect(divided.progress.plan != nil && divided.progress.preparations == JobWorker.preparationLimit)
    // What fails while the process lives does not count.
    let wrong = try mean(service, records: 3)
    await #expect(throws: NetworkError.self) { try await begun(wrong, 0).prepareInMemory() }
    #expect(try service.database.read { db in try JobStore.job(wrong, in: db).progress.preparations } == nil)
  }

  /// Who asks for a list of jobs, and has signed nothing, gets no more of them than fit.
  @Test func listsOfJobsAreNoLongerThanTheyMayBe() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder)
    for records in [2, 3, 4] as [UInt64] { _ = try mean(service, records: records) }
    let all = try CachedJob.list(nil, in: service.database)
    #expect(all.count == 3)
    let bytes = all.map { $0.param.utf8.count + $0.dataset.utf8.count }
    #expect(
      try CachedJob.list(nil, in: service.database, byteLimit: bytes[0] + bytes[1]) == Array(all.prefix(2)))
    #expect(try CachedJob.list(nil, in: service.database, byteLimit: bytes[0] - 1).isEmpty)
    // One parameter may be long, not any number of them.
    let module = try ModuleScene("cat < /input > /output").module
    func manifest(_ count: Int) throws(NetworkError) -> ComputedManifest {
      let text = String(repeating: "x", count: 4_000)
      let parameters = Dictionary(uniqueKeysWithValues: (0..<count).map { ("key\($0)", text) })
      return try ComputedManifest(.module(module), parameters: parameters, recordCount: 1)
    }
    _ = try manifest(16)
    let error = #expect(throws: NetworkError.self) { try manifest(17) }
    #expect(error?.message.contains("at most 65536") == true)
  }

  /// More states than a node could send in time are not asked for, but for what the network does by itself.
  @Test func checksThatOpenTooMuchAreRefused() throws {
    let folder = try TemporaryFolder()
    let service = try service(in: folder) {
      $0.maximumOpeningBytes = 1
      $0.check = .drawn(1)
    }
    for (salt, check) in [(UInt64(1), SegmentCheck.all), (2, .drawn(2)), (3, .drawn(.max))] {
      let error = #expect(throws: NetworkError.self) { try training(service, check: check, salt: salt) }
      #expect(error?.code == "setting.invalid" && error?.message.contains("states of") == true)
    }
    _ = try training(service, check: .drawn(1), salt: 4)
    _ = try training(service, salt: 5)
    let generous = try TemporaryFolder()
    _ = try training(self.service(in: generous), check: .all, salt: 6)
  }
}
