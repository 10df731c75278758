// Says, for each chain given (leaf first), whether Java's PKIX validation and its TLS trust manager both accept it.
// Arguments: root.pem chain.pem...
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.*;
import java.util.*;
import javax.net.ssl.*;

class Verify {
    static X509Certificate[] read(String path) throws Exception {
        try (var in = new FileInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new X509Certificate[0]);
        }
    }

    public static void main(String[] args) throws Exception {
        var root = read(args[0])[0];
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        store.setCertificateEntry("root", root);
        var factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        var manager = (X509TrustManager) factory.getTrustManagers()[0];
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.setRevocationEnabled(false);
        for (var path : Arrays.copyOfRange(args, 1, args.length)) {
            var chain = read(path);
            String pkix = "accepted", tls = "accepted";
            try {
                var certPath = CertificateFactory.getInstance("X.509").generateCertPath(List.of(chain));
                CertPathValidator.getInstance("PKIX").validate(certPath, parameters);
            } catch (CertPathValidatorException e) {
                pkix = e.getMessage();
            }
            try {
                manager.checkServerTrusted(chain, "ECDHE_ECDSA");
            } catch (CertificateException e) {
                tls = e.getMessage();
            }
            // PKIX alone knows neither host names nor purposes, so the two may differ there; both must hold.
            System.out.println(pkix.equals("accepted") && tls.equals("accepted") ? "accepted" : "refused: " + pkix + " / " + tls);
        }
    }
}
