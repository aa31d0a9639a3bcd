import EmethKit
import Foundation

/// A job of EMETH Core whose data set is divided into its parts (PROTOCOL 3 and 4): what each part computes, and what it may
/// cost. It follows from the job alone: whoever divides it again, after a restart or on another machine, gets the same.
final class LayerOneDivision: Sendable {
  /// One part, apart from its attempts.
  struct Part: Sendable {
    /// Its place in the data set, bytes.
    var bytes: Range<Int>
    /// How many records it has.
    var records: UInt64
    /// SHA-256 of its bytes.
    var hash: Bytes32
    var fuelLimit: Fuel
    var verifierFee: TokenAmount
    /// What the job's escrow has to hold for it.
    var escrow: TokenAmount
  }

  let manifest: ComputedManifest
  let parts: [Part]
  private let id: JobID
  private let owner: Address
  /// The whole data set, which lies there.
  private let file: URL

  /// Divides a job's input. Blocks: not for the cooperative pool.
  ///
  /// - Parameter file: where the input lies, as the job names it.
  /// - Throws: what ``Foundation/NetworkError/isOfTheData`` says is the job's fault, where it can't be divided.
  init(_ job: LayerOneJob, _ work: LayerOneWork, file: URL) throws(NetworkError) {
    (id, owner, self.file) = (job.id, job.job.owner, file)
    let whole = try Files.read(file)
    let (count, price) = (job.detail.numParallel, job.job.fuelPrice)
    let (limit, fee) = (job.job.fuelLimit, job.terms.verifierFee)
    (manifest, parts) = try Self.divided {
      let records = try work.program.records.records(in: Array(whole))
      let manifest = try ComputedManifest(
        work.program, parameters: work.parameters, recordCount: UInt64(records.count))
      let ranges = try SplitPlan.ranges(recordCount: UInt64(records.count), parts: count)
      let budget = try ParentBudget(fuelLimit: limit, verifierFee: fee, rounds: 1, parts: count)
      try budget.check(computedFuel: manifest.partFuel(parts: count))
      let limits = (0..<count).map { budget.share(round: 0, part: $0).fuelLimit }
      let fees = try Self.shares(of: fee, by: limits, of: limit)
      let parts = try ranges.enumerated().map { index, range in
        let bytes =
          records[Int(range.lowerBound)].lowerBound..<records[Int(range.upperBound) - 1].upperBound
        let hash = whole[bytes].withUnsafeBytes { SHA256.hash($0) }
        return Part(
          bytes: bytes, records: UInt64(range.count), hash: hash, fuelLimit: limits[index],
          verifierFee: fees[index], escrow: try price.fee(for: limits[index]).adding(fees[index]))
      }
      return (manifest, parts)
    }
  }

  /// Whatever says that there is no way to divide is the job's fault.
  private static func divided<Value>(_ body: () throws -> Value) throws(NetworkError) -> Value {
    do {
      return try body()
    } catch let error as EconomicsError {
      throw .malformed(what: "a job in parts", reason: error.message)
    } catch {
      throw NetworkError(error)
    }
  }

  /// The verifier fee in proportion to the fuel, as Core asks for it: rounded down, or one holon more for the first ones,
  /// so that nothing is left.
  private static func shares(
    of fee: TokenAmount, by limits: [Fuel], of whole: Fuel
  ) throws(NumberError) -> [TokenAmount] {
    var shares: [UInt256] = []
    for limit in limits {
      shares.append(
        try fee.holon.multipliedFloorDividing(
          by: UInt256(limit.units), dividingBy: UInt256(max(whole.units, 1))))
    }
    var rest = fee.holon
    for share in shares { rest -= share }
    return shares.enumerated().map { index, share in
      TokenAmount(holon: UInt256(UInt64(index)) < rest ? share + 1 : share)
    }
  }

  /// The id of an attempt at a part.
  func id(_ part: Int, _ attempt: UInt32) -> JobID { Self.id(part, attempt, of: id) }

  static func id(_ part: Int, _ attempt: UInt32, of job: JobID) -> JobID {
    JobID(parent: job, round: 0, part: UInt32(part), attempt: attempt)
  }

  /// How an attempt at a part names its input: the same, whoever registers it.
  func dataset(_ part: Int, _ attempt: UInt32) -> String {
    let hash = parts[part].hash
    let file = JobFile(.input, of: id(part, attempt), from: owner, contentHash: hash)
    return JobFileReference(file, contentHash: hash).text
  }

  /// The records of a part.
  func input(_ part: Int) throws(NetworkError) -> Data { Data(try Files.read(file)[parts[part].bytes]) }

  /// Why a part's output can't be joined to the result; nil where it can.
  func obstacle(toJoining output: Data, of part: Int) -> String? {
    guard UInt64(output.count) <= manifest.outputBytes else {
      return "it has \(output.count) bytes, allowed are \(manifest.outputBytes)"
    }
    return manifest.obstacle(toJoining: output, of: parts[part].records)
  }

  /// The result of the parts' outputs, which lie in files in their order; it is left in another one.
  func result(of outputs: [URL], in file: URL) throws(NetworkError) -> Data {
    let join = try OutputJoin(manifest, to: file, byteLimit: UInt64(LayerOneWork.contentByteLimit))
    for output in outputs {
      let data = try Files.read(output)
      try asNetworkError { try data.withUnsafeBytes { try join.append($0) } }
      try join.endPart()
    }
    _ = try join.finish()
    return try Files.read(file)
  }
}
