import CCurl
import EmethKit
import Foundation

/// One easy handle of libcurl, kept for its connections: a request after the other, each by the calling thread.
///
/// Unchecked: whoever takes it from the pool of its client has it alone until it is given back.
final class CurlHandle: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer
  private let server: ServerAddress
  private let settings: ClientSettings

  /// libcurl wants to be set up once, before threads use it.
  private static let isSetUp: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  init(server: ServerAddress, settings: ClientSettings) throws(NetworkError) {
    guard Self.isSetUp, let handle = curl_easy_init() else {
      throw .unreachable(server: "\(server)", reason: "libcurl can't be set up")
    }
    self.handle = handle
    self.server = server
    self.settings = settings
  }

  deinit { curl_easy_cleanup(handle) }

  /// Carries a request out. Whatever status the server answers with is no error here.
  ///
  /// - Throws: ``NetworkError/unreachable(server:reason:)``, ``NetworkError/interrupted`` when it is cancelled,
  ///   ``NetworkError/malformed(what:reason:)`` when the answer is too long.
  func perform(_ transfer: CurlTransfer) throws(NetworkError) {
    curl_easy_reset(handle)
    var list: UnsafeMutablePointer<curl_slist>?
    // Without this, libcurl waits for a word of the server before it sends a long body.
    for line in transfer.headers.map({ "\($0.name): \($0.value)" }) + ["Expect:"] {
      list = curl_slist_append(list, line)
    }
    defer { curl_slist_free_all(list) }
    setUp(transfer, headers: list)
    let status = withExtendedLifetime(transfer) { curl_easy_perform(handle) }
    if transfer.isTooLong {
      throw .malformed(what: "answer of \(server)", reason: "it is longer than anything that was asked for")
    }
    guard status != CURLE_OK, !transfer.sinkFailed else { return }
    if transfer.isCancelled() { throw .interrupted }
    throw .unreachable(server: "\(server)", reason: String(cString: curl_easy_strerror(status)))
  }

  private func setUp(_ transfer: CurlTransfer, headers: UnsafeMutablePointer<curl_slist>?) {
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    set(CURLOPT_URL, "\(server)\(transfer.path)")
    set(CURLOPT_PROTOCOLS_STR, server.isSecure ? "https" : "http")
    set(CURLOPT_USERAGENT, "emeth")
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    set(CURLOPT_CONNECTTIMEOUT_MS, Int(settings.connectTimeoutSeconds * 1_000))
    if let seconds = transfer.timeoutSeconds {
      set(CURLOPT_TIMEOUT_MS, Int(seconds * 1_000))
    } else {
      set(CURLOPT_LOW_SPEED_LIMIT, 1)
      set(CURLOPT_LOW_SPEED_TIME, Int(settings.stallTimeoutSeconds))
    }
    if let file = settings.certificateAuthority { set(CURLOPT_CAINFO, file.path) }
    if transfer.method == "HEAD" { set(CURLOPT_NOBODY, 1) }
    if let body = transfer.body {
      // The form of an upload, whose method is then named; the body is read from where it lies.
      set(CURLOPT_UPLOAD, 1)
      emeth_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(body.count))
      set(CURLOPT_UPLOAD_BUFFERSIZE, 512 << 10)
      emeth_curl_set_source(handle, CurlCallbacks.source)
      emeth_curl_set_pointer(handle, CURLOPT_READDATA, context)
      emeth_curl_set_seek(handle, CurlCallbacks.seek)
      emeth_curl_set_pointer(handle, CURLOPT_SEEKDATA, context)
    }
    set(CURLOPT_CUSTOMREQUEST, transfer.method)
    set(CURLOPT_BUFFERSIZE, 256 << 10)
    emeth_curl_set_headers(handle, headers)
    emeth_curl_set_sink(handle, CURLOPT_HEADERFUNCTION, CurlCallbacks.header)
    emeth_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    emeth_curl_set_sink(handle, CURLOPT_WRITEFUNCTION, CurlCallbacks.body)
    emeth_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    set(CURLOPT_NOPROGRESS, 0)
    emeth_curl_set_progress(handle, CurlCallbacks.progress)
    emeth_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
  }

  private func set(_ option: CURLoption, _ value: Int) { emeth_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) { emeth_curl_set_text(handle, option, value) }
}

/// How a client goes about its requests.
public struct ClientSettings: Sendable {
  /// Seconds for reaching the server.
  public var connectTimeoutSeconds = 10.0
  /// Seconds for a request and its answer; a long poll may take its wait besides.
  public var timeoutSeconds = 30.0
  /// Seconds without a byte after which a transfer of an object is given up.
  public var stallTimeoutSeconds = 60.0
  /// How often a request that may be repeated is sent, the first time included.
  public var attempts = 6
  /// The longest pause before a repetition, in seconds; each is drawn at random below a bound that doubles.
  public var longestPauseSeconds = 8.0
  /// A PEM file with the certificates that a server's must follow from; `nil`: the system's.
  public var certificateAuthority: URL?

  /// The default settings.
  public init() {}
}
