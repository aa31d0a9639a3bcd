import CEmethCompute

/// NCCL, NVIDIA's library that adds up arrays of several GPUs, for trainings on more than one of them.
final class CUDACollectives: Sendable {
  /// Where it lies.
  let place: CUDALibrary.Place
  /// Its version, such as 2.27. Which CUDA it was built for it does not say.
  let version: CUDALibrary.Version
  /// The library may be called from several threads at once.
  nonisolated(unsafe) let handle: OpaquePointer

  /// The first that knows all that is used of it.
  static let oldest = CUDALibrary.Version(major: 2, minor: 10)

  /// The first that the search finds.
  ///
  /// - Throws: `ComputeError.libraryUnavailable` with what was tried.
  static func open(search: CUDALibrarySearch) throws(ComputeError) -> CUDACollectives {
    var attempts: [CUDALibrary.Attempt] = []
    guard let found = find(search: search, attempts: &attempts) else {
      throw .libraryUnavailable(library: .collectives, attempts: attempts)
    }
    return found
  }

  /// As `open`, with what became of every place that was tried.
  static func find(search: CUDALibrarySearch, attempts: inout [CUDALibrary.Attempt]) -> CUDACollectives? {
    for place in search.places(of: .collectives) {
      var handle: OpaquePointer?
      var (major, minor): (Int32, Int32) = (0, 0)
      let (status, message) = withCUDAMessage { emeth_nccl_open(&handle, place.path, &major, &minor, $0) }
      guard status == EMETH_OK, let handle else {
        attempts.append(.init(place: place, problem: status == EMETH_NO_MEMORY ? "out of memory" : message))
        continue
      }
      let version = CUDALibrary.Version(major: Int(major), minor: Int(minor))
      guard version >= oldest, version.major == oldest.major else {
        emeth_nccl_close(handle)
        let problem = "its version is \(version), allowed is \(oldest) or a later 2"
        attempts.append(.init(place: place, problem: problem))
        continue
      }
      attempts.append(.init(place: place, problem: nil))
      return CUDACollectives(place: place, version: version, handle: handle)
    }
    return nil
  }

  private init(place: CUDALibrary.Place, version: CUDALibrary.Version, handle: OpaquePointer) {
    self.place = place
    self.version = version
    self.handle = handle
  }

  deinit { emeth_nccl_close(handle) }
}
