import Hummingbird
import Synchronization

/// The API's routes as they are registered: what is there, for whom a request comes with a wrong method, and for the
/// test that compares them with Docs/openapi.yaml.
final class RouteTable: Sendable {
  /// One route; the path's parameters are written `:name`.
  struct Route: Hashable, Sendable {
    var method: HTTPRequest.Method
    var path: String
    /// Whether it is a page for people, or what pages need, and no part of the API.
    var isPage = false
  }

  private let state = Mutex<[Route]>([])

  /// All routes in the order of registration.
  var routes: [Route] { state.withLock { $0 } }

  func add(_ method: HTTPRequest.Method, _ path: String, isPage: Bool = false) {
    state.withLock { $0.append(Route(method: method, path: path, isPage: isPage)) }
  }

  /// The methods that a path has.
  func methods(at path: String) -> [HTTPRequest.Method] {
    let parts = path.split(separator: "/")
    return routes.filter { route in
      let pattern = route.path.split(separator: "/")
      return pattern.count == parts.count
        && zip(pattern, parts).allSatisfy { $0.hasPrefix(":") || $0 == $1 }
    }
    .map(\.method)
  }
}
