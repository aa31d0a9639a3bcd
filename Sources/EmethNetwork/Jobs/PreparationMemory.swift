import EmethKit

/// What dividing a job's data set, and making its first model, takes of memory at most: known before any is taken.
struct PreparationMemory: Hashable {
  /// Records at most.
  let recordCount: UInt64
  /// Bytes at most.
  let byteCount: UInt64

  /// - Parameter dataSetBytes: how long the data set is.
  init(_ request: JobRequest, dataSetBytes: UInt64) {
    switch request {
    case .computed(let computed):
      recordCount = computed.manifest.recordCount
      // The data set; a part sealed, twice; a hash a record, and of a prompt the number of its tokens.
      byteCount = Self.sum(Self.product(3, dataSetBytes), Self.product(48, recordCount))
    case .training(let training):
      let shape = training.manifest.model
      let context = UInt64(max(1, shape.context))
      // No tokenizer makes more tokens than there are bytes.
      recordCount = dataSetBytes / context + 1
      let records = Self.product(recordCount, 4 * (context + 1))
      // The text and its tokens; records as they are cut, as a part has them and sealed; leaves and the tree above them.
      let data = Self.sum(Self.product(9, dataSetBytes), Self.product(4, records))
      // Parameters with both moments, and the parameters as bytes.
      let model = Self.product(16, shape.parameterCount)
      byteCount = Self.sum(Self.sum(data, Self.product(96, recordCount)), model)
    }
  }

  private static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : value
  }

  private static func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (value, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : value
  }
}
