import CEmethCompute

/// Operations that run again and again in one order on the same arrays, such as those of a training step: a GPU
/// keeps them as a graph, which starts hundreds of kernels by one call. Elsewhere they are called each time.
final class RecordedOperations {
  private let device: Device
  /// What the operations follow from beside the arrays.
  private var key: [Int]?
  private var recording: OpaquePointer?
  /// Whether they can't be kept, as some of them run on the CPU.
  private var isRefused = false
  /// How often a recording has run.
  private(set) var replayCount = 0

  init(device: Device) { self.device = device }

  deinit { drop() }

  private func drop() {
    if let recording { emeth_device_free_recording(device.handle, recording) }
    recording = nil
  }

  /// Runs the operations, the second time and later by their recording.
  ///
  /// - Parameters:
  ///   - key: all that their sizes and numbers follow from: what was recorded under another key is forgotten.
  ///   - operations: calls operations alone, begins with no more than its inputs, and may be called twice.
  /// - Throws: what `operations` throws, `ComputeError.deviceFailed`, `outOfMemory`.
  func run(_ key: [Int], _ operations: () throws(ComputeError) -> Void) throws(ComputeError) {
    guard device.gpu != nil else { return try operations() }
    guard key == self.key else {
      drop()
      self.key = nil
      isRefused = false
      // The first time gets the operations' scratch memory.
      try operations()
      self.key = key
      return
    }
    if recording == nil, !isRefused { try record(operations) }
    if let recording {
      let status = emeth_device_replay(device.handle, recording)
      if status != EMETH_NOT_AVAILABLE {
        replayCount += 1
        return try device.check(status)
      }
      // Scratch memory has moved.
      drop()
    }
    try operations()
  }

  private func record(_ operations: () throws(ComputeError) -> Void) throws(ComputeError) {
    guard emeth_device_begin_recording(device.handle) == EMETH_OK else {
      isRefused = true
      return
    }
    var failure: ComputeError?
    do throws(ComputeError) { try operations() } catch { failure = error }
    isRefused = emeth_device_end_recording(device.handle, &recording) != EMETH_OK
    if let failure { throw failure }
  }
}
