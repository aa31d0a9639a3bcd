import CEmethCompute

/// The devices that train one model together: a CPU or a GPU alone, or several GPUs of one machine, whose gradients
/// NCCL adds up.
///
/// ```swift
/// let team = try DeviceTeam.open(.together([0, 1]), threads: 8, profile: .fast)
/// let trainer = try Trainer(state: state, optimizer: optimizer, batch: 64, team: team)
/// ```
public final class DeviceTeam: Sendable {
  /// Its devices; the state of a training lies in the memory of the first.
  public let devices: [Device]
  /// The first of them.
  public let lead: Device
  /// They live longer than what was made of them.
  private let collectives: CUDACollectives?
  /// The C library's team; nil for one device.
  nonisolated(unsafe) private let handle: OpaquePointer?
  /// A thread for each device, which waits for it.
  private let waiting: Device?

  /// A device alone.
  public init(_ device: Device) {
    devices = [device]
    lead = device
    collectives = nil
    handle = nil
    waiting = nil
  }

  /// The devices of a choice.
  ///
  /// - Parameter threads: the CPU's, shared among several GPUs.
  /// - Throws: as `Device.open(_:threads:profile:search:)`; `ComputeError.libraryUnavailable` where several
  ///   GPUs are named and there is no NCCL, `deviceFailed` where it can't connect them.
  public static func open(
    _ choice: DeviceChoice, threads: Int, profile: NumericProfile = .reproducible,
    search: CUDALibrarySearch = CUDALibrarySearch()
  ) throws(ComputeError) -> DeviceTeam {
    guard case .together(let ordinals) = choice else {
      return DeviceTeam(try Device.open(choice, threads: threads, profile: profile, search: search))
    }
    // What is missing is found out before kernels are compiled.
    _ = try CUDADriver.open(search: search)
    let collectives = try CUDACollectives.open(search: search)
    let share = max(1, threads / max(1, ordinals.count))
    var devices: [Device] = []
    for ordinal in ordinals {
      devices.append(try Device.cuda(ordinal, threads: share, profile: profile, search: search))
    }
    return try DeviceTeam(devices, collectives: collectives)
  }

  private init(_ devices: [Device], collectives: CUDACollectives) throws(ComputeError) {
    guard let lead = devices.first else {
      throw .invalidConfiguration(what: "number of devices", found: "0", allowed: "at least 1")
    }
    self.devices = devices
    self.lead = lead
    self.collectives = collectives
    waiting = try Device.cpu(threads: devices.count)
    let handles: [OpaquePointer?] = devices.map(\.handle)
    var handle: OpaquePointer?
    let (status, message) = withCUDAMessage { message in
      emeth_team_create(&handle, collectives.handle, handles, handles.count, message)
    }
    switch status {
    case EMETH_OK: self.handle = handle
    case EMETH_NO_MEMORY: throw .outOfMemory(bytes: 0)
    default:
      throw .deviceFailed(
        device: Self.name(of: devices),
        reason: "NCCL \(collectives.version) of \(collectives.place.path): \(message)")
    }
    // NCCL takes memory for itself when it first adds up: before anybody plans with what is free.
    let arrays = try devices.map { device throws(ComputeError) in
      try FloatArena(count: Self.firstSumCount, device: device)
    }
    // Their memory goes with them.
    defer { withExtendedLifetime(arrays) {} }
    try sum(arrays.map(\.base), count: Self.firstSumCount)
  }

  /// Elements of a sum that is made for its own sake: as many as NCCL adds up in the way of large ones.
  static let firstSumCount = 1 << 20

  deinit { if let handle { emeth_team_destroy(handle) } }

  /// Whether the devices can share the batch of a training.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` for several devices in the `reproducible` profile, whose order
  ///   of additions is that of one device, and for less than a sequence for each.
  public func check(batch: Int) throws(ComputeError) {
    guard devices.count > 1 else { return }
    guard lead.profile == .fast else {
      throw .invalidConfiguration(
        what: "profile of a training on \(self)", found: lead.profile.rawValue,
        allowed: "fast: several devices add up gradients in an order of their own")
    }
    guard batch >= devices.count else {
      throw .invalidConfiguration(
        what: "batch", found: "\(batch)",
        allowed: "at least \(devices.count) sequences, one for each device of \(self)")
    }
  }

  /// The sequences of a batch that each device takes, in the devices' order: as equal as they can be.
  func shares(of batch: Int) -> [Range<Int>] {
    (0..<devices.count).map { batch * $0 / devices.count..<batch * ($0 + 1) / devices.count }
  }

  /// Calls `body` with the number of each device, all at once; throws what the first in order threw when all have
  /// ended.
  func forEach(_ body: (Int) throws(ComputeError) -> Void) throws(ComputeError) {
    guard let waiting else { return try body(0) }
    let failures = ParallelResults<ComputeError>(count: devices.count)
    withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) let body = body
      waiting.forEach(devices.count) { index in
        do throws(ComputeError) { try body(index) } catch { failures[index] = error }
      }
    }
    if let failure = failures.values.first { throw failure }
  }

  /// Each device's array (count) becomes the sum of all of them, with the same bits on each.
  ///
  /// - Throws: `ComputeError.deviceFailed`; the team is of no use then.
  func sum(_ arrays: [UnsafeMutablePointer<Float>], count: Int) throws(ComputeError) {
    guard let handle else { return }
    let pointers: [UnsafeMutablePointer<Float>?] = arrays
    let (status, message) = withCUDAMessage { emeth_team_sum(handle, pointers, count, $0) }
    guard status == EMETH_OK else {
      for device in devices { try device.checkHealth() }
      throw .deviceFailed(device: "\(self)", reason: message)
    }
  }

  private static func name(of devices: [Device]) -> String {
    DeviceChoice.together(devices.compactMap { $0.gpu?.ordinal }).description
  }
}

extension DeviceTeam: CustomStringConvertible {
  /// The device's description, or such as `cuda:0,1`.
  public var description: String { devices.count == 1 ? lead.description : Self.name(of: devices) }
}
